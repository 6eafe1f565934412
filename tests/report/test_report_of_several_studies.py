"""Cells of several studies in one report: other machines and other splits have tables of their
own."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

from harness.report.rows import rows
from harness.report.table import render
from harness.results.rundir import find_cells
from tests.builders import make_cell, metric_specs

HERE = {"environment": {"cpu": "one", "threads": 1}}
THERE = {"environment": {"cpu": "another", "threads": 1}}


def sections(*studies: Path) -> list[dict]:
    cells = chain.from_iterable(map(find_cells, studies))
    return json.loads(render(rows(cells), metric_specs(), format="json"))["sections"]


def test_the_same_cell_of_two_machines_is_shown_for_both(tmp_path) -> None:
    make_cell(tmp_path / "laptop", label={"f1": 0.5}, **HERE)
    make_cell(tmp_path / "server", label={"f1": 0.6}, created="2026-02-01T10:00:00+00:00", **THERE)
    found = sections(tmp_path / "laptop", tmp_path / "server")
    assert {s["machine"]: s["rows"][0]["label"]["f1"] for s in found} == {
        "one, 1 thread": 0.5,
        "another, 1 thread": 0.6,
    }


def test_the_same_cell_of_one_machine_counts_once_the_newest(tmp_path) -> None:
    make_cell(tmp_path / "old", label={"f1": 0.5}, **HERE)
    make_cell(tmp_path / "new", label={"f1": 0.6}, created="2026-02-01T10:00:00+00:00", **HERE)
    ((row,),) = (section["rows"] for section in sections(tmp_path / "old", tmp_path / "new"))
    assert (row["label"]["f1"], row["superseded"]) == (0.6, 1)


def test_seeds_of_two_studies_share_a_table(tmp_path) -> None:
    make_cell(tmp_path / "a", label={"f1": 0.5}, **HERE)
    make_cell(tmp_path / "b", label={"f1": 0.6}, seed=1, **HERE)
    (section,) = sections(tmp_path / "a", tmp_path / "b")
    assert [row["seed"] for row in section["rows"]] == [1, 0]


def test_figures_on_other_test_images_have_a_table_of_their_own(tmp_path) -> None:
    cells = [make_cell(tmp_path / name, name + "/net", label={"f1": 0.5}) for name in ("a", "b")]
    record = cells[1].cell
    cells[1].write_cell({**record, "split": {**record["split"], "digest": "0123456789"}})
    found = sections(tmp_path / "a", tmp_path / "b")
    assert [section["rows"][0]["method"] for section in found] == ["b/net", "a/net"]
    assert found[0]["heading"].endswith("· split 01234567")
