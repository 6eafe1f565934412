"""Names with line breaks, blanks at their ends and bars break no table and no note."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.cell.records import everything
from harness.report.cell.text import one_cell_text
from harness.report.render import render
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests import builders

CLASSES = ("a\nb", " c", "d|e", "f")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(builders, "CLASSES", CLASSES)
    builders.make_cell(
        tmp_path, label={"f1": 0.5}, present=CLASSES[1:], split_notes=["test\nlacks"]
    )
    return tmp_path


@pytest.fixture
def per_class(study: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The recall of every class, as Markdown."""
    from dataclasses import replace

    recalls = dict.fromkeys(CLASSES, 0.5)
    found = [replace(row, recall_per_class=recalls) for row in rows(find_cells(study))]
    columns = ("method", *(f"recall.{name}" for name in CLASSES))
    return render(found, builders.metric_specs(), format="markdown", view=View(columns=columns))


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_headings_and_notes_stay_on_their_line(study: Path, form: str) -> None:
    text = render(rows(find_cells(study)), builders.metric_specs(), format=form)  # type: ignore[arg-type]
    shown = text.replace(r"\textbackslash{}", "\\")
    assert r"3 of 4 classes (no a\nb)" in shown
    assert r"test\nlacks" in shown


def test_heads_of_a_markdown_table_hold_any_class(per_class: str) -> None:
    head = next(line for line in per_class.splitlines() if line.startswith("| method"))
    names = [name.strip() for name in head.replace(r"\|", "¦").strip("|").split("|")]
    assert names == ["method", r"recall a\nb", r"recall \x20c", "recall d¦e", "recall f"]


def test_one_cell_in_full_names_its_classes_on_one_line(study: Path) -> None:
    (cell,) = find_cells(study)
    text = one_cell_text(everything(cell), 200)
    assert r"(a\nb, \x20c, d|e, f)" in text
    assert r"test\nlacks" in text
