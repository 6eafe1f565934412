"""Folds of a cross-validation: rows of one table, and one line with a mean over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.metrics.intervals import metric_interval
from harness.report.render import render
from harness.report.screen.contest import settings
from harness.report.screen.evidence import Evidence
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests.builders import make_cell, metric_specs

DASH = "\N{EN DASH}"
VALUES = {1: 0.6, 2: 0.8, 3: 0.7}


def report(study: Path, format: str = "text", **view: Any) -> str:
    found = rows(find_cells(study))
    return render(found, metric_specs(), format=format, view=View(**view))


def images(fold: int, count: int = 40) -> list[str]:
    return [f"fold{fold}-{i}" for i in range(count)]


def make_folds(study: Path, method: str = "a/net", seeds: tuple[int, ...] = (0, 1)) -> None:
    """Three folds of different images, each predicted with its own share of errors."""
    for fold, value in VALUES.items():
        for seed in seeds:
            labels = [i % 4 for i in range(40)]
            wrong = round(40 * (1 - value)) + seed
            predicted = [(c + (i < wrong)) % 4 for i, c in enumerate(labels)]
            right = np.mean(np.array(labels) == np.array(predicted))
            make_cell(
                study,
                method,
                label={"f1": value, "accuracy": float(right)},
                primary=("label.accuracy",),
                seed=seed,
                fold=(fold, 3),
                images=images(fold),
                labels=labels,
                predicted=predicted,
            )


def test_they_share_a_table_with_a_column_of_their_number(tmp_path: Path) -> None:
    make_folds(tmp_path, seeds=(0,))
    (section,) = json.loads(report(tmp_path, "json"))["sections"]
    assert [(row["fold"], row["folds"]) for row in section["rows"]] == [(2, 3), (3, 3), (1, 3)]
    text = report(tmp_path)
    assert "· 3 folds" in text.splitlines()[0]
    head = next(line for line in text.splitlines() if line.startswith("method"))
    assert head.split()[:2] == ["method", "fold"]


def test_folds_of_another_number_or_another_split_are_another_table(tmp_path: Path) -> None:
    make_folds(tmp_path, seeds=(0,))
    make_cell(tmp_path, "a/net", label={"f1": 0.5}, fold=(1, 5), split="five")
    make_cell(tmp_path, "a/net", label={"f1": 0.5}, split="one")
    assert len(json.loads(report(tmp_path, "json"))["sections"]) == 3


def test_they_are_joined_over_folds_and_seeds_or_over_seeds_alone(tmp_path: Path) -> None:
    make_folds(tmp_path)
    columns = ("method", "fold", "label.f1")
    whole = report(tmp_path, aggregate="folds", columns=columns)
    assert f"0.700 (0.600{DASH}0.800, n=6)" in whole
    assert "means over folds and seeds with the lowest and the highest" in whole
    assert "range is neither the error of the mean nor" in whole
    apart = report(tmp_path, aggregate="seeds", columns=columns)
    lines = [line.split() for line in apart.splitlines() if line.startswith("a/net")]
    assert [line[1:3] for line in lines] == [["2", "0.800"], ["3", "0.700"], ["1", "0.600"]]
    assert "folds with the lowest" not in apart


def test_a_fold_without_a_result_is_a_row_of_its_own(tmp_path: Path) -> None:
    make_folds(tmp_path, seeds=(0,))
    make_cell(tmp_path, "b/net", status="failed", reason="no", fold=(2, 3))
    make_cell(tmp_path, "b/net", label={"f1": 0.1}, primary=("label.accuracy",), fold=(1, 3))
    text = report(tmp_path, aggregate="folds")
    assert "- b/net fold 2: failed: no" in text


def test_the_screen_ranks_their_means_and_says_how_many_there_are(tmp_path: Path) -> None:
    make_folds(tmp_path)
    found = rows(find_cells(tmp_path))
    ((contest,),) = [setting.contests for setting in settings(found)]
    assert (contest.folds, contest.seeds, len(contest.lines)) == (3, 2, 1)
    assert contest.over == "folds and seeds"


def _evidence(study: Path) -> tuple[Evidence, list[Any]]:
    found = rows(find_cells(study))
    evidence = Evidence(found, metric_specs(), resamples=400)
    return evidence, found


def test_the_interval_is_of_the_mean_of_folds_each_the_mean_of_its_seeds(tmp_path: Path) -> None:
    """Against the slow way: accuracy on every resample of all images, fold by fold."""
    make_folds(tmp_path)
    evidence, found = _evidence(tmp_path)
    line = tuple(found)
    got = evidence.interval(line, "label.accuracy")
    values, draws = [], []
    for fold in VALUES:
        mine = [row for row in found if row.fold == fold]
        values.append(np.mean([row.label["accuracy"] for row in mine]))
        per_seed = []
        for row in mine:
            file = evidence.file(row)
            assert file is not None
            predictions = file.class_predictions()
            assert predictions is not None
            right = predictions.labels == predictions.probabilities.argmax(axis=1)
            per_seed.append(
                [
                    right[evidence.resampling.images_of(k, file.ids)].mean()
                    for k in range(len(evidence.resampling.weights))
                ]
            )
        draws.append(np.mean(per_seed, axis=0))
    slow = metric_interval(values, draws, groups=120, rests_on=120)
    assert got is not None
    assert slow is not None
    assert evidence.images == 120
    assert [got.value, got.low, got.high] == pytest.approx([slow.value, slow.low, slow.high])


def test_two_methods_are_compared_over_the_folds_and_seeds_that_both_have(tmp_path: Path) -> None:
    make_folds(tmp_path, "a/net")
    make_folds(tmp_path, "b/net", seeds=(1,))
    make_cell(
        tmp_path,
        "c/net",
        label={"f1": 0.2, "accuracy": 0.25},
        primary=("label.accuracy",),
        fold=(1, 3),
        images=images(1),
        labels=[i % 4 for i in range(40)],
        predicted=[0] * 40,
    )
    evidence, found = _evidence(tmp_path)
    first, second, third = (
        tuple(r for r in found if r.method == m) for m in ("a/net", "b/net", "c/net")
    )
    both = evidence.difference(first, third, "label.accuracy")
    (alone,) = (row for row in first if (row.fold, row.seed) == (1, 0))
    assert both is not None
    assert both == evidence.difference((alone,), third, "label.accuracy")
    assert both.value == pytest.approx(0.6 - 0.25)
    # With seed 1 both answer alike: seed 0, with which a/net is better, does not count.
    assert evidence.value(first, "label.accuracy") > evidence.value(second, "label.accuracy")
    assert evidence.difference(first, second, "label.accuracy") is None
    other_seed = tuple(row for row in first if row.seed == 0)
    assert evidence.difference(other_seed, second, "label.accuracy") is None
    other_fold = [
        tuple(row for row in line if row.fold == fold) for line, fold in ((first, 1), (second, 2))
    ]
    assert evidence.difference(*other_fold, "label.accuracy") is None
