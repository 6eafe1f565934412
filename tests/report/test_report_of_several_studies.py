"""Cells of several studies in one report: other splits have tables of their own, other machines
have not."""

from __future__ import annotations

import csv
import json
from itertools import chain
from pathlib import Path

from harness.report.render import render
from harness.report.table.rows import rows
from harness.report.table.view import View
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
    (section,) = sections(tmp_path / "laptop", tmp_path / "server")
    assert section["machine"] is None
    assert {row["machine"]: row["label"]["f1"] for row in section["rows"]} == {
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


def hospitals(folder: Path, *roots: str) -> list[str]:
    """The headings of one study per root, all of the same dataset plugin."""
    studies = [folder / f"study{number}" for number in range(len(roots))]
    for number, (study, root) in enumerate(zip(studies, roots, strict=True)):
        make_cell(
            study, label={"f1": 0.5}, dataset="folder", root=root, fingerprint=f"{number}" * 32
        )
    return [section["heading"] for section in sections(*studies)]


def test_equal_headings_are_told_apart_by_root_and_fingerprint(tmp_path) -> None:
    assert hospitals(tmp_path, "/films/hospital-a", "/films/hospital-b") == [
        "classification · folder · test · quick · cpu fp32 · hospital-a · data 00000000",
        "classification · folder · test · quick · cpu fp32 · hospital-b · data 11111111",
    ]


def test_roots_of_the_same_name_are_shown_whole(tmp_path) -> None:
    first, second, third = hospitals(tmp_path, "/old/films", "/new/films", "/other")
    assert "· /old/films ·" in first
    assert "· /new/films ·" in second
    assert "· other ·" in third


def test_a_folder_before_and_after_a_file_was_added_is_told_apart_by_fingerprint(tmp_path) -> None:
    first, second = hospitals(tmp_path, "/films", "/films")
    assert first.endswith("cpu fp32 · data 00000000")
    assert second.endswith("cpu fp32 · data 11111111")


def test_a_heading_that_stands_alone_says_nothing_of_its_root(tmp_path) -> None:
    (heading,) = hospitals(tmp_path, "/films/hospital-a")
    assert heading == "classification · folder · test · quick · cpu fp32"


def test_study_root_fingerprint_and_split_are_columns_of_every_flat_format(tmp_path) -> None:
    make_cell(tmp_path / "mine", label={"f1": 0.5}, dataset="folder", root="/films")
    found = rows(find_cells(tmp_path))
    lines = render(found, metric_specs(), format="csv").splitlines()
    wide = dict(zip(*csv.reader(lines), strict=True))
    for row in (
        wide,
        json.loads(render(found, metric_specs(), format="json"))["sections"][0]["rows"][0],
        json.loads(render(found, metric_specs(), format="json", view=View(layout="long")))[
            "sections"
        ][0]["rows"][0],
    ):
        assert (row["study"], row["root"], row["fingerprint"], row["split"]) == (
            "mine", "/films", "f" * 32, "d",
        )  # fmt: skip


def test_they_can_be_chosen_and_asked_for_in_a_table(tmp_path) -> None:
    make_cell(tmp_path / "mine", label={"f1": 0.5}, dataset="folder", root="/films")
    view = View(columns=("method", "study", "root", "fingerprint"), filters=("root=/films",))
    text = render(rows(find_cells(tmp_path)), metric_specs(), view=view)
    assert "mine   /films  ffffffff" in text
