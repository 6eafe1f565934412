"""A method that predicts one class for every image is marked in every table."""

from __future__ import annotations

import csv
import io
import json

import pytest

from harness.report.cell.records import everything
from harness.report.cell.text import one_cell_text
from harness.report.render import render
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests.builders import make_cell, metric_specs

LABEL = {"f1": 0.1, "recall": 0.25, "balanced_accuracy": 0.25}
MARK = "(one class only)"


def report(study, **options) -> str:
    return render(rows(find_cells(study)), metric_specs(), **options)


@pytest.fixture
def constant(tmp_path):
    make_cell(tmp_path, "a/constant", label=LABEL, predicted=[2, 2, 2, 2])
    make_cell(tmp_path, "a/net", label=LABEL, predicted=[2, 2, 1, 2])
    return tmp_path


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
def test_every_table_for_people_marks_the_method(constant, form):
    """Narrow text has several tables, each of which says so."""
    text = report(constant, format=form, width=60 if form == "text" else None)
    named = [line for line in text.splitlines() if "a/constant" in line]
    assert named
    assert all(MARK in line for line in named)
    assert not any(MARK in line for line in text.splitlines() if "a/net" in line)


def test_chosen_columns_leave_the_mark_with_the_method(constant):
    assert f"a/constant {MARK}" in report(constant, view=View(columns=("method", "label.f1")))


def test_programs_read_it_as_a_column(constant):
    found = csv.DictReader(io.StringIO(report(constant, format="csv")))
    assert {row["method"]: row["one_class"] for row in found} == {
        "a/constant": "true",
        "a/net": "false",
    }
    (section,) = json.loads(report(constant, format="json"))["sections"]
    assert {row["method"]: row["one_class"] for row in section["rows"]} == {
        "a/constant": True,
        "a/net": False,
    }
    kept = report(constant, format="csv", view=View(filters=("one_class=false",)))
    assert "a/net" in kept
    assert "a/constant" not in kept


def test_a_set_of_one_class_marks_nobody(tmp_path):
    make_cell(tmp_path, "a/net", label=LABEL, labels=[1, 1, 1, 1], predicted=[1, 1, 1, 1])
    assert MARK not in report(tmp_path)


def test_a_method_without_classes_is_not_asked(tmp_path):
    make_cell(tmp_path, "a/unet", task="segmentation", mask={"dice": 0.9}, primary=("mask.dice",))
    (row,) = rows(find_cells(tmp_path))
    assert row.one_class is None


def test_one_cell_in_full_says_so_over_its_confusion_matrix(tmp_path):
    cell = make_cell(tmp_path, "a/constant", label=LABEL, predicted=[2, 2, 2, 2])
    assert f"recall and confusion matrix {MARK}" in one_cell_text(everything(cell), 100)


def test_recall_and_balanced_accuracy_are_one_number_and_one_column(constant):
    text = report(constant)
    assert " recall " in text
    assert "balanced acc" not in text.replace("\n", " ")
    header = report(constant, format="csv").splitlines()[0].split(",")
    assert {"label.recall", "label.balanced_accuracy"} <= set(header)
    asked = report(
        constant, view=View(columns=("method", "label.recall", "label.balanced_accuracy"))
    )
    assert "balanced" in asked
