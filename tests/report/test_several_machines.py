"""Rows of several machine models: scores share a table, timings stand per model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.report.render import render
from harness.report.screen.contest import settings
from harness.report.table.numbers import UNKNOWN
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests.builders import TIMING, make_cell, metric_specs

A = {"environment": {"gpu": "NVIDIA A100", "cpu": "x", "threads": 4}, "device": "cuda"}
H = {"environment": {"gpu": "NVIDIA H100", "cpu": "x", "threads": 4}, "device": "cuda"}
SLOW, FAST = {**TIMING, "minutes_per_epoch": 4.0}, {**TIMING, "minutes_per_epoch": 2.0}


def report(study: Path, format: str = "text", **view: Any) -> str:
    found = rows(find_cells(study))
    return render(found, metric_specs(), format=format, view=View(**view))


def two_seeds_of_two_methods(study: Path) -> None:
    make_cell(study, "a/net", label={"f1": 0.6}, seed=0, timing=SLOW, **A)
    make_cell(study, "a/net", label={"f1": 0.8}, seed=1, timing=FAST, **H)
    make_cell(study, "b/net", label={"f1": 0.5}, seed=0, timing=FAST, **H)
    make_cell(study, "b/net", label={"f1": 0.5}, seed=1, timing=FAST, **H)


def test_they_share_a_table_with_a_column_that_says_where_each_ran(tmp_path: Path) -> None:
    two_seeds_of_two_methods(tmp_path)
    (section,) = json.loads(report(tmp_path, "json"))["sections"]
    assert section["machine"] is None
    assert [(row["method"], row["seed"], row["on"]) for row in section["rows"]] == [
        ("a/net", 1, "B"),
        ("a/net", 0, "A"),
        ("b/net", 0, "B"),
        ("b/net", 1, "B"),
    ]
    text = report(tmp_path)
    assert "Timed on several machines, by the column on: A: NVIDIA A100; B: NVIDIA H100." in text


def test_seeds_are_joined_whatever_they_ran_on_and_timings_of_two_models_have_no_mean(
    tmp_path: Path,
) -> None:
    two_seeds_of_two_methods(tmp_path)
    text = report(tmp_path, aggregate="seeds")
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    assert "0.700" in lines["a/net"]
    assert "B, A" in lines["a/net"] or "A, B" in lines["a/net"]
    assert lines["a/net"].count(f" {UNKNOWN} ") == 3
    assert " 3 (" not in lines["a/net"]
    assert " 2 (2" in lines["b/net"]


def test_one_machine_needs_no_such_column(tmp_path: Path) -> None:
    make_cell(tmp_path, "a/net", label={"f1": 0.6}, seed=0, timing=SLOW, **A)
    make_cell(tmp_path, "a/net", label={"f1": 0.8}, seed=1, timing=SLOW, **A)
    text = report(tmp_path, aggregate="seeds")
    assert "Timed on NVIDIA A100." in text
    assert " on " not in text.splitlines()[2]


def test_the_same_cell_of_two_models_is_two_lines_that_say_where(tmp_path: Path) -> None:
    make_cell(tmp_path / "one", "a/net", label={"f1": 0.6}, timing=SLOW, **A)
    make_cell(tmp_path / "two", "a/net", label={"f1": 0.61}, timing=FAST, **H)
    text = report(tmp_path, aggregate="seeds")
    lines = [line for line in text.splitlines() if line.startswith("a/net")]
    assert len(lines) == 2
    assert [line.split()[3:5] for line in lines] == [["B", "2"], ["A", "4"]]


def test_rows_that_only_measure_time_have_a_table_per_model(tmp_path: Path) -> None:
    from tests.builders import PROTOCOL

    timed = {**PROTOCOL, "time_only": True}
    for name, machine in (("a/net", A), ("b/net", H)):
        make_cell(tmp_path, name, protocol=timed, timing=SLOW, **machine)
    assert len(json.loads(report(tmp_path, "json"))["sections"]) == 2


def test_a_comparison_of_scores_takes_in_all_models(tmp_path: Path) -> None:
    two_seeds_of_two_methods(tmp_path)
    (setting,) = settings(rows(find_cells(tmp_path)))
    (contest,) = setting.contests
    assert [len(line) for line in contest.lines] == [2, 2]


def test_kinds_of_device_stay_apart(tmp_path: Path) -> None:
    make_cell(tmp_path, "a/net", label={"f1": 0.6}, **A)
    make_cell(tmp_path, "b/net", label={"f1": 0.6})
    assert len(json.loads(report(tmp_path, "json"))["sections"]) == 2
