"""``harness status`` of a folder with several studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.builders import PROTOCOL, make_cell
from tests.cli_tools import inside


def table(folder: Path) -> list[list[str]]:
    done = inside("status", "results", cwd=folder)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines() if line][:-1]


def test_study_and_dataset_are_columns_where_there_are_several(tmp_path: Path) -> None:
    make_cell(tmp_path / "results" / "one", label={"f1": 0.5})
    head, _, _ = table(tmp_path)
    assert head == ["method", "cell", "status", "result"]
    make_cell(tmp_path / "results" / "two", label={"f1": 0.5}, dataset="films")
    head, _, first, second = table(tmp_path)
    assert head == ["method", "study", "dataset", "cell", "status", "result"]
    assert (first[1:3], second[1:3]) == (["one", "phantom"], ["two", "films"])


def test_studies_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for place in ("laptop", "server"):
        make_cell(tmp_path / "results" / place / "one", label={"f1": 0.5})
    _, _, first, second = table(tmp_path)
    assert first[1] == str(tmp_path / "results" / "laptop" / "one")
    assert second[1] == str(tmp_path / "results" / "server" / "one")


def test_the_json_says_study_and_dataset(tmp_path: Path) -> None:
    make_cell(tmp_path / "results" / "one", label={"f1": 0.5})
    (cell,) = json.loads(inside("status", "results", "--json", cwd=tmp_path).stdout)
    assert (cell["study"], cell["dataset"]) == ("one", "phantom")


def test_a_cell_of_a_run_without_the_sweep_has_its_own_value(tmp_path: Path) -> None:
    study = tmp_path / "results" / "one"
    for rate, swept in ((0.01, True), (0.001, True), (0.1, False)):
        made = make_cell(study, label={"f1": 0.5}, protocol={**PROTOCOL, "learning_rate": rate})
        record: Any = made.cell
        if swept:
            made.write_cell({**record, "sweep": ["learning_rate"]})
    head, _, *cells = table(tmp_path)
    assert "learning_rate" in head
    assert sorted(row[head.index("learning_rate")] for row in cells) == ["0.001", "0.01", "0.1"]


def test_two_numbers_of_folds_are_told_apart(tmp_path: Path) -> None:
    study = tmp_path / "results" / "one"
    for count in (2, 3):
        make_cell(study, label={"f1": 0.5}, fold=(1, count), split=str(count))
    make_cell(study, label={"f1": 0.5})
    head, _, *cells = table(tmp_path)
    assert sorted(row[head.index("folds")] for row in cells) == ["2", "3", "\N{EN DASH}"]
