"""The page that a run leaves: its numbers are the table's, and nothing of it comes from outside."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from harness import HarnessError, load
from harness.report.page import fetch_vega
from harness.report.page.chapters.data import _groups
from harness.results.rundir import find_cells
from tests.builders import make_cell
from tests.cli_tools import environment, harness, inside
from tests.page.conftest import HOSTILE
from tests.page_reader import Page

CHAPTERS = [
    "In short",
    "Leaderboard",
    "Score against time",
    "Learning curves",
    "Data",
    "Class by class",
    "ROC, precision and recall, reliability",
    "Segmentations",
    "Multitask beside single-task",
    "Where the time went",
    "What did not run, and why",
    "How it was made",
]
MIB = 1024 * 1024


def page_of(study: Path) -> Page:
    return Page((study / "report.html").read_text(encoding="utf-8"))


def test_every_run_leaves_a_page_with_all_chapters_in_order(study: Path) -> None:
    assert page_of(study).chapters == CHAPTERS


def test_every_number_of_the_leaderboard_is_the_tables(study: Path) -> None:
    """Column by column, as ``harness report`` writes them."""
    done = inside("report", study, "--aggregate", "seeds", "--format", "html", cwd=study)
    assert done.returncode == 0, done.stderr
    page = page_of(study)
    tables = [_records(table) for table in _tables(done.stdout)]
    boards = [one for one in page.articles.values() if one.kind == "leaderboard"]
    assert len(boards) == 3
    for board in boards:
        (found,) = [_records(table) for table in board.tables]
        for row in found.values():
            # The drawn interval is no text.
            (drawn,) = [name for name in row if ", 95 %" in name]
            assert row.pop(drawn) == ""
        (same,) = [table for table in tables if found.keys() == table.keys()]
        for key, row in found.items():
            assert row == {name: same[key][name] for name in row}
            assert same[key].keys() - row.keys() <= {"status", "seed"}


def _tables(html: str) -> list[list[list[str]]]:
    return Page(f'<article class="block is-text">{html}</article>').articles["unnamed-0"].tables


def _records(table: list[list[str]]) -> dict[tuple[str, ...], dict[str, str]]:
    heads, *rows = table
    key = [index for index, head in enumerate(heads) if head in ("method", "train\ndata")]
    return {tuple(row[i] for i in key): dict(zip(heads, row, strict=True)) for row in rows}


def test_the_csv_of_the_leaderboard_has_all_digits_and_the_interval(study: Path) -> None:
    import csv
    import io

    done = inside("report", study, "--aggregate", "seeds", "--format", "csv", cwd=study)
    table = {
        (row["method"], row["fraction"]): row for row in csv.DictReader(io.StringIO(done.stdout))
    }
    rows = page_of(study).articles["leaderboard-classification"].files
    (records,) = rows.values()
    assert len(records) == 4
    for record in records:
        same = table[record["method"], record["fraction"]]
        low, high = float(record.pop("label.f1.low")), float(record.pop("label.f1.high"))
        assert low <= float(record["label.f1"]) <= high
        assert record == {name: same[name] for name in record}
        assert same.keys() - record.keys() == {"directory", "root"}


def test_the_sentences_are_those_of_the_screen(study: Path) -> None:
    """The page has all of them, the screen as many as fit."""
    from harness.planning.installed_plugins import installed_plugins
    from harness.report.screen.screen import Ended, screen
    from harness.report.table.rows import rows

    metrics = [entry.spec for entry in installed_plugins().metrics.values()]
    text = screen(rows(find_cells(study)), metrics, Ended(folders=("x",)))
    said = text.partition("What this run shows")[2].partition("\n\n")[0]
    sentences = [" ".join(part.split()) for part in said.split(" · ")[1:]]
    assert sentences
    found = " ".join(page_of(study).text.split())
    assert all(sentence in found for sentence in sentences)


def test_counts_of_images_are_those_of_the_study(study: Path) -> None:
    from harness.results.checks.reference import Table, Tables

    cell = find_cells(study)[0]
    table = Tables().of(cell, cell.cell)
    assert isinstance(table, Table)
    (records,) = page_of(study).articles["data-parts"].files.values()
    for record in records:
        index = table.samples.classes.index(record["class"])
        for part, chosen in table.split.parts.items():
            assert int(record[f"parts.{part}"]) == int(
                (table.samples.labels[chosen] == index).sum()
            )


def test_caps_are_those_of_the_protocol_and_not_of_a_fraction(study: Path) -> None:
    text = page_of(study).articles["data-parts"].text
    assert "96 of 519 for test" in text
    assert "48 of 669 for train" in text
    assert "for val" not in text


def test_groups_in_several_parts_are_a_leak() -> None:
    parts = {"train": np.array([0, 1]), "test": np.array([2, 3])}
    assert "the split leaks" in _groups(("a", "b", "b", "c"), parts)
    assert "each is in one part only" in _groups(("a", "a", "b", "c"), parts)


def test_a_confusion_matrix_counts_what_was_predicted(study: Path) -> None:
    cells = [c for c in find_cells(study) if c.cell["id"] == "baselines/pixels"]
    cells = [c for c in cells if c.cell["fraction"] == 1.0]
    assert len(cells) == 2
    expected: dict[tuple[str, str], int] = {}
    for cell in cells:
        file = cell.predictions("test")
        assert file.probabilities is not None
        for label, row in zip(file.labels, file.probabilities, strict=True):
            pair = (file.classes[label], file.classes[row.argmax()])
            expected[pair] = expected.get(pair, 0) + 1
    (records,) = page_of(study).articles["confusion-classification"].files.values()
    found = {
        (r["true class"], r["predicted class"]): int(r["images"])
        for r in records
        if r["method"] == "baselines/pixels"
    }
    assert {pair: count for pair, count in found.items() if count} == expected


def test_areas_under_curves_of_classes_have_the_tables_mean(study: Path) -> None:
    page = page_of(study)
    (table,) = page.articles["roc-classification"].tables
    (board,) = page.articles["leaderboard-classification"].tables
    areas = {row[0]: [float(value) for value in row[1:]] for row in table[1:]}
    assert len(areas) == 2
    place = board[0].index("AUROC")
    whole = [row for row in board[1:] if row[board[0].index("train\ndata")] == "100 %"]
    for row in whole:
        mean = sum(areas[row[0]]) / len(areas[row[0]])
        assert mean == pytest.approx(float(row[place].split(" ")[0]), abs=1e-3)


def test_pictures_show_the_images_of_an_embedded_dataset(study: Path) -> None:
    page = page_of(study)
    assert any(address.startswith("data:image/jpeg") for address in page.addresses)
    (records,) = page.articles["pictures-segmentation"].files.values()
    assert [record["which"] for record in records] == ["5th percentile", "median", "best"]
    values = [float(record["dice"]) for record in records]
    assert values == sorted(values)


def test_nothing_is_loaded_from_anywhere(study: Path, hostile: Path) -> None:
    for folder in (study, hostile):
        page = page_of(folder)
        assert page.addresses
        assert {a.partition(":")[0] for a in page.addresses if not a.startswith("#")} == {"data"}
        html = (folder / "report.html").read_text(encoding="utf-8")
        assert "default-src 'none'" in unescape(html)


def test_images_of_ones_own_are_only_there_when_asked_for(hostile: Path) -> None:
    page = page_of(hostile)
    assert not any(address.startswith("data:image") for address in page.addresses)
    (records,) = page.articles["pictures-segmentation"].files.values()
    assert {record["image"] for record in records} == {""}
    assert "harness report --html --pictures" in page.text
    shown = hostile / "shown.html"
    done = inside("report", hostile, "--html", "--pictures", "--output", shown, cwd=hostile)
    assert done.returncode == 0, done.stderr
    assert "warning: the page will show images of csv" in done.stderr
    addresses = Page(shown.read_text(encoding="utf-8")).addresses
    assert any(address.startswith("data:image/jpeg") for address in addresses)


def test_names_from_outside_are_only_ever_text(hostile: Path) -> None:
    html = (hostile / "report.html").read_text(encoding="utf-8")
    assert HOSTILE not in html
    page = Page(html)
    assert HOSTILE in page.text
    assert not any("alert" in script for script in page.scripts if script.lstrip()[:1] != "{")
    # What stands for a sheet's formula is text there, and no direction of writing is changed.
    (records,) = page.articles["data-parts"].files.values()
    assert all(not record["class"].startswith("=") for record in records)


def test_what_did_not_run_is_there_with_its_reason(tmp_path: Path, study: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(study, folder)
    reason = f"RuntimeError: {HOSTILE}"
    make_cell(folder, "x/lost", status="failed", reason=reason, dataset="phantom")
    make_cell(folder, "x/on", status=None, dataset="phantom")
    done = inside("report", folder, "--html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = page_of(folder)
    (table,) = page.articles["not-run-cells"].tables
    assert [row[0] for row in table[1:]] == ["x/lost", "x/on"]
    assert table[1][-1] == reason
    assert "1 cell of 18 not finished when this was written" in page.text


def test_the_page_is_small(study: Path) -> None:
    assert (study / "report.html").stat().st_size < 2.5 * 10**6


def test_written_twice_it_is_the_same(study: Path, tmp_path: Path) -> None:
    before = (study / "report.html").read_bytes()
    done = inside("report", study, "--html", "--output", tmp_path / "p.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.html").read_bytes() == before


def test_python_writes_the_same_page(study: Path, tmp_path: Path) -> None:
    written = load(study).page(tmp_path / "p.html")
    assert written.read_bytes() == (study / "report.html").read_bytes()
    with pytest.raises(HarnessError, match="a page ends with"):
        load(study).page(tmp_path / "p.pdf")


def test_the_chart_libraries_have_their_versions_and_licences_with_them() -> None:
    folder = Path(fetch_vega.__file__).with_name("vega")
    versions = dict(line.split() for line in (folder / "VERSIONS").read_text().splitlines())
    assert versions.keys() == {"vega", "vega-lite"}
    for package, version in versions.items():
        assert version in (folder / f"{package}.min.js").read_text(encoding="utf-8")
        assert "Redistribution and use" in (folder / f"LICENSE-{package}").read_text()


def test_a_kill_while_it_is_written_leaves_the_old_one(study: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("the old one")
    code = (
        "import os, signal\n"
        "os.replace = os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "import pathlib\n"
        "pathlib.Path.replace = pathlib.Path.rename = os.replace\n"
        "from harness.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "report", str(study), "--html", "--output", str(page)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert page.read_text() == "the old one"


def test_report_says_where_the_page_is_and_opens_it(study: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path / "opened"}\n')
    browser.chmod(0o755)
    env = {"BROWSER": f"{browser} %s"}
    done = harness("report", "--open", cwd=study.parents[1], env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "results/phantom-quick/report.html\n"
    assert (tmp_path / "opened").read_text() == (study / "report.html").resolve().as_uri()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--html", "--columns", "method"), "takes no --columns"),
        (("--open", "--format", "csv"), "takes no --format"),
        (("--pictures",), "add --html"),
        (("--html", "--output", "page.pdf"), "a page ends with .html"),
        (("--html", "--output", "no/page.html"), "no folder no"),
    ],
)
def test_what_a_page_cannot_do_is_said(
    study: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = inside("report", study, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_several_studies_are_parts_of_one_page(study: Path, hostile: Path, tmp_path: Path) -> None:
    for folder in (study, hostile):
        shutil.copytree(folder, tmp_path / "results" / folder.name)
    done = inside("report", "--html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{Path('results', 'report.html')}\n"
    page = Page((tmp_path / "results" / "report.html").read_text(encoding="utf-8"))
    assert page.chapters.count("Leaderboard") == 2
    assert len(page.articles) == len(set(page.articles))


def test_a_run_that_measures_time_alone_leaves_no_page(tmp_path: Path) -> None:
    done = harness("run", "--plugins", "baselines/pixels", "--time-only", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("report.html"))
    refused = inside("report", "--html", cwd=tmp_path)
    assert refused.returncode == 2
    assert "only time was measured" in refused.stderr


def test_a_page_that_cannot_be_written_costs_the_run_nothing(tmp_path: Path) -> None:
    words = ("run", "--plugins", "baselines/pixels", "--set", "train_images=32")
    first = harness(*words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    page = tmp_path / "results" / "phantom-quick" / "report.html"
    page.unlink()
    page.mkdir()
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"warning: .*report\.html: the page cannot be written", done.stderr)
    assert "report.html" not in done.stdout
