"""``harness report``: options, several folders, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.builders import make_cell
from tests.cli_tools import harness

VIEW = ("--columns", "method,label.f1", "--sort", "-label.f1", "--filter", "method=a/*")


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    make_cell(tmp_path / "one", "a/net", label={"f1": 0.5})
    make_cell(tmp_path / "one", "b/net", label={"f1": 0.9})
    make_cell(tmp_path / "two", "a/net", label={"f1": 0.75}, seed=1)
    return tmp_path


def test_several_folders_make_one_report(studies: Path) -> None:
    done = harness("report", "one", "two", ".", *VIEW, "--format", "csv", cwd=studies)
    assert done.returncode == 0, done.stderr
    records = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [record["label.f1"] for record in records] == ["0.75", "0.5"]


def test_a_file_gets_what_would_be_printed_line_ends_included(studies: Path) -> None:
    options = ("report", "one", "two", *VIEW, "--aggregate", "seeds", "--format", "csv")
    assert harness(*options, "--output", "table.csv", cwd=studies).stdout == ""
    assert (studies / "table.csv").read_bytes() == (
        b"method,label.f1,label.f1.min,label.f1.max,label.f1.n\r\na/net,0.625,0.5,0.75,2\r\n"
    )


def test_every_format_takes_every_option(studies: Path) -> None:
    for form in ("text", "markdown", "latex", "json"):
        done = harness("report", ".", *VIEW, "--aggregate", "seeds", "--format", form, cwd=studies)
        assert done.returncode == 0, done.stderr
        assert "a/net" in done.stdout
        assert "b/net" not in done.stdout
    assert json.loads(done.stdout)["sections"][0]["rows"][0]["label.f1"] == 0.625


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("one", "--columns", "methd"), "did you mean 'method'"),
        (("one", "--sort", "-label.g1"), "did you mean 'label.f1'"),
        (("one", "--filter", "seed=first"), "seed is numeric"),
        (("one", "--filter", "method=z/*"), "no row is left"),
        (("one", "--layout", "long"), "for csv and json"),
        (("one", "nowhere"), "nowhere holds no run"),
        (("one", "--format", "tex"), "latex"),
        (("one", "--aggregate", "fractions"), "seeds"),
        (("one", "--output", "none/table.txt"), "--output"),
        ((), "no folder 'results' here"),
    ],
)
def test_what_cannot_be_meant_is_one_message(
    studies: Path, options: tuple[str, ...], says: str
) -> None:
    done = harness("report", *options, cwd=studies)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
