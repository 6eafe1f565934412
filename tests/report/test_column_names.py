"""Columns by their headings and by the end of their names; conditions as programmers write them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.report.file_format import TextFormat
from harness.report.render import render
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests.builders import make_cell, metric_specs


def report(
    study: Path, form: TextFormat = "csv", *, columns: str | None = None, **view: object
) -> str:
    """As the command line splits the columns."""
    asked = () if columns is None else tuple(columns.split(","))
    chosen = View(columns=asked, **view)  # type: ignore[arg-type]
    return render(rows(find_cells(study)), metric_specs(), format=form, view=chosen)


COLUMNS = {
    "label.f1": ("f1", "F1", "LABEL.F1"),
    "mask.dice": ("dice", "Dice"),
    "minutes_per_epoch": ("min/epoch", "min/ epoch", "minutes-per-epoch"),
    "latency_p95_ms": ("latency p95, ms",),
    "fraction": ("train data",),
}


@pytest.mark.parametrize(
    ("name", "called"), [(name, one) for name, every in COLUMNS.items() for one in every]
)
def test_a_column_is_taken_by_its_heading_and_by_the_end_of_its_name(
    name: str, called: str, tmp_path: Path
) -> None:
    make_cell(tmp_path, label={"f1": 0.5}, mask={"dice": 0.75})
    for columns in (f"method,{called}", f"{called},method"):
        head = next(csv.reader(io.StringIO(report(tmp_path, columns=columns))))
        assert head == [name if one == called else one for one in _split(columns, called)]
    assert report(tmp_path, sort=f"-{called}") == report(tmp_path, sort=f"-{name}")


def _split(columns: str, called: str) -> list[str]:
    return ["method", called] if columns.startswith("method") else [called, "method"]


@pytest.mark.parametrize("heading", ["label.f1", "mask.dice", "cpu_minutes_per_epoch", "status"])
def test_what_a_table_has_above_a_column_may_be_typed(heading: str, tmp_path: Path) -> None:
    from harness.report.table.catalogue import catalogue

    make_cell(tmp_path, label={"f1": 0.5}, mask={"dice": 0.75})
    head = catalogue(rows(find_cells(tmp_path)), metric_specs())[heading].head
    assert report(tmp_path, columns=head.replace("\n", " ")).startswith(heading)
    assert report(tmp_path, columns=head.replace("\n", "")).startswith(heading)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("params, M train/all", "parameters_trainable, parameters_total; name one"),
        ("images train/test", "images_train, images; name one"),
        ("f2", "no column 'f2'"),
    ],
)
def test_a_heading_of_several_columns_names_them(columns: str, says: str, tmp_path: Path) -> None:
    make_cell(tmp_path, label={"f1": 0.5})
    with pytest.raises(HarnessError, match=says):
        report(tmp_path, columns=columns)


def test_a_name_of_two_targets_names_both(tmp_path: Path) -> None:
    make_cell(tmp_path, label={"own": 0.5}, mask={"own": 0.75})
    with pytest.raises(HarnessError, match=r"'own' may mean the columns label\.own, mask\.own"):
        report(tmp_path, columns="own")


@pytest.mark.parametrize(
    "text", ["method==a/*", "method == a/net", "f1==0.5", "F1>=0.5", "f1>0.4", "label.f1==0.5"]
)
def test_a_condition_may_have_two_equal_signs_and_a_heading(text: str, tmp_path: Path) -> None:
    make_cell(tmp_path, "a/net", label={"f1": 0.5})
    make_cell(tmp_path, "b/net", label={"f1": 0.25})
    assert report(tmp_path, columns="method", filters=(text,)).split() == ["method", "a/net"]
