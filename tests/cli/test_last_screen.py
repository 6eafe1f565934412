"""What ``harness run`` prints at its end."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from harness.metrics.segmentation import overlap
from harness.results.rundir import CellDirectory
from tests.cli.conftest import APPLIED
from tests.cli_tools import TINY, harness, inside

RUN = ("run", "--plugins", ",".join(APPLIED), *TINY, "--set", "probe_seconds=0.1")
METHOD = re.compile(r" ●  (?P<id>\S+) +(?P<value>[\d.]+)")


@pytest.fixture(scope="module")
def again(finished_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A copy of finished runs, and what the same command prints again: screen and table."""
    folder = tmp_path_factory.mktemp("again")
    shutil.copytree(finished_runs / "results", folder / "results")
    printed = [harness(*RUN, *more, cwd=folder) for more in ((), ("--quiet",))]
    assert [done.returncode for done in printed] == [0, 0], printed[0].stderr
    return folder, printed[0].stdout, printed[1].stdout


def test_a_run_ends_with_a_screen_of_24_lines_of_80_columns(again):
    lines = again[1].splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("3 methods kept · phantom (made-up X-rays), 16 test images · CPU")
    assert lines[-3:-1] == [
        "All values   harness report results/phantom-quick",
        "Page         results/phantom-quick/report.html   (harness report --open)",
    ]


def test_its_values_are_those_of_the_report(again):
    folder, text, _ = again
    report = inside("report", "results/phantom-quick", "--format", "json", cwd=folder)
    there = {
        row["method"]: row["primary"]
        for section in json.loads(report.stdout)["sections"]
        for row in section["rows"]
    }
    shown = {found["id"]: found["value"] for found in METHOD.finditer(text)}
    assert set(shown) == set(there)
    for method, value in shown.items():
        digits = len(value.partition(".")[2])
        assert value == f"{there[method]:.{digits}f}"


def test_masks_have_an_interval_without_the_dataset(again):
    (line,) = [line for line in again[1].splitlines() if "segmentation/unet" in line]
    value, low, high = map(float, re.findall(r"\d\.\d+", line))
    assert low < value < high


def test_a_cell_keeps_the_pixel_counts_that_its_dice_follows_from(again):
    (path,) = again[0].glob("results/*/cells/segmentation--unet/*/*")
    cell = CellDirectory(path)
    file = cell.predictions("test")
    shared, predicted, reference = file.mask_counts[file.has_mask].T
    expected = cell.metrics["test"]["mask"]["dice"]
    assert overlap(2 * shared, predicted + reference).mean() == expected


def test_quiet_prints_the_table_instead(again):
    _, _, table = again
    assert "All values" not in table
    assert "classification · phantom · test · quick" in table
    assert table.rstrip().splitlines()[-1].startswith(("- ", "  "))
