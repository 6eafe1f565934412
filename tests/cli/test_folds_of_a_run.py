"""``harness run --folds K``: a cell per fold, one table, repeated without training again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli_tools import TINY, harness, inside

PIXELS = ("--plugins", "baselines/pixels", *TINY, "--folds", "3")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    done = harness("run", *PIXELS, "--seeds", "0,1", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "classification, 3 folds, 2 seeds" in done.stdout
    assert "baselines/pixels, seed 1, fold 2" in done.stderr
    return folder


def records(study: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in study.glob("results/*/cells/*/*/*/cell.json")]


def test_each_cell_has_its_own_split_and_all_have_one_digest(ran: Path) -> None:
    found = records(ran)
    assert len(found) == 2 * 3
    folds = {record["split"]["digest"]: record["split"]["fold"] for record in found}
    assert sorted(fold["number"] for fold in folds.values()) == [1, 2, 3]
    assert len({fold["digest"] for fold in folds.values()}) == 1
    assert all(record["identity"]["split"] == record["split"]["digest"] for record in found)
    assert all(f"-fold{r['split']['fold']['number']}-" in r["name"] for r in found)
    tested: list[str] = []
    for digest in folds:
        (path,) = ran.glob(f"results/*/splits/{digest}.csv")
        with path.open() as text:
            tested += [row["id"] for row in csv.DictReader(text) if row["part"] == "test"]
    assert len(tested) == len(set(tested)) == 1320


def test_the_table_has_a_row_per_fold_and_one_line_over_them(ran: Path) -> None:
    told = inside("report", "--format", "json", cwd=ran)
    (section,) = json.loads(told.stdout)["sections"]
    assert sorted({(row["fold"], row["seed"]) for row in section["rows"]}) == [
        (fold, seed) for fold in (1, 2, 3) for seed in (0, 1)
    ]
    joined = inside("report", "--aggregate", "folds", "--format", "csv", cwd=ran).stdout
    lines = {row["method"]: row for row in csv.DictReader(joined.splitlines())}
    f1 = [row["label"]["f1"] for row in section["rows"]]
    assert float(lines["baselines/pixels"]["label.f1"]) == pytest.approx(sum(f1) / 6)
    assert lines["baselines/pixels"]["label.f1.n"] == "6"


def test_the_same_command_and_its_study_file_find_all_of_it_finished(ran: Path) -> None:
    for again in ((*PIXELS, "--seeds", "0,1"), (str(next(ran.glob("results/*/study.toml"))),)):
        planned = json.loads(inside("plan", *again, "--json", cwd=ran).stdout)
        assert [cell["state"] for cell in planned["cells"]] == ["finished"] * 6
    assert sorted({cell["fold"] for cell in planned["cells"]}) == [1, 2, 3]


def test_a_fold_that_is_new_is_not_called_a_repetition_of_another(ran: Path) -> None:
    more = (*PIXELS, "--folds", "4")
    planned = json.loads(inside("plan", *more, "--json", cwd=ran).stdout)
    assert [(cell["fold"], cell["state"]) for cell in planned["cells"]] == [
        (fold, "to run") for fold in (1, 2, 3, 4)
    ]
    differing = [[one["field"] for one in cell["differs_in"]] for cell in planned["cells"]]
    assert differing[3] == []
    assert all("split" in fields for fields in differing[:3])


def test_one_cell_can_be_shown_and_named(ran: Path) -> None:
    told = inside("show", "seed1-fold2", cwd=ran)
    assert "fold        2 of 3" in told.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--folds", "1"), "--folds 1: give a number of folds from 2 to 100"),
        (("--folds", "3", "--split", "study"), "--folds 3 with --split study"),
        (("--folds", "3", "--split-file", "x.csv"), "--folds 3 with --split-file"),
        (("--folds", "three"), "'three' is not a valid integer"),
    ],
)
def test_what_cannot_be_folded_is_one_message(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    told = inside("run", "--plugins", "baselines/pixels", *words, cwd=tmp_path)
    assert told.returncode == 2
    assert said in told.stderr
    assert list(tmp_path.iterdir()) == []
