"""Folds that are not all in one line: some lack a class, or failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.report.render import render
from harness.report.screen.contest import settings
from harness.report.screen.evidence import Evidence
from harness.report.screen.screen import Ended, screen
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests.builders import CLASSES, make_cell, metric_specs

ENDED = Ended(folders=("results/phantom-quick",))


def shown(study: Path) -> str:
    return screen(rows(find_cells(study)), metric_specs(), ENDED)


def cell(study: Path, method: str, fold: int, f1: float = 0.5, seed: int = 0) -> None:
    images = [f"fold{fold}-{i}" for i in range(4)]
    make_cell(study, method, label={"f1": f1}, fold=(fold, 3), images=images, seed=seed)


def one_lacks_a_class(study: Path) -> None:
    for method in ("a/net", "b/net"):
        cell(study, method, 1)
        cell(study, method, 2)
        present = CLASSES[:-1]
        make_cell(
            study,
            method,
            label={"f1": 0.9},
            present=present,
            fold=(3, 3),
            images=[f"fold3-{i}" for i in range(3)],
            labels=(0, 1, 2),
            predicted=(0, 1, 2),
        )


def test_a_table_of_some_of_them_says_which(tmp_path: Path) -> None:
    one_lacks_a_class(tmp_path)
    view = View(aggregate="folds", columns=("method", "label.f1"))
    text = render(rows(find_cells(tmp_path)), metric_specs(), format="text", view=view)
    text = " ".join(text.split())
    assert "· folds 1, 2 of 3" in text
    assert "· fold 3 of 3 ·" in text
    paper = render(rows(find_cells(tmp_path)), metric_specs(), format="latex", view=view)
    assert "fold 3 of 3, device" in paper


def test_so_does_the_screen_and_shows_the_others_apart(tmp_path: Path) -> None:
    one_lacks_a_class(tmp_path)
    text = shown(tmp_path)
    assert "classification, folds 1, 2 of 3" in text
    assert "one seed" not in text
    assert text.count("a/net  ") == 1
    (line,) = (line for line in text.splitlines() if line.startswith(" +  phantom"))
    assert "fold 3 of 3" in line
    # Of a page, each setting is a part with ids of its own.
    assert [len(one.contests) for one in settings(rows(find_cells(tmp_path)))] == [1, 1]


def test_a_line_without_a_fold_is_said_to_be_over_other_images(tmp_path: Path) -> None:
    for fold in (1, 2, 3):
        cell(tmp_path, "a/net", fold)
        if fold != 2:
            cell(tmp_path, "b/net", fold, 0.6)
    make_cell(tmp_path, "b/net", status="failed", reason="no", fold=(2, 3))
    text = shown(tmp_path)
    assert "classification, 3 folds" in text
    assert " !  b/net without fold 2: not the images of the others" in text
    assert "without fold 1" not in text


def test_a_value_is_what_its_interval_is_of_where_a_fold_has_more_seeds(tmp_path: Path) -> None:
    cell(tmp_path, "a/net", 1, 0.2, seed=0)
    cell(tmp_path, "a/net", 1, 0.4, seed=1)
    cell(tmp_path, "a/net", 2, 0.9)
    ((contest,),) = [one.contests for one in settings(rows(find_cells(tmp_path)))]
    evidence = Evidence(contest.lines[0], metric_specs(), resamples=50)
    assert evidence.value(contest.lines[0], "label.f1") == pytest.approx((0.3 + 0.9) / 2)


def test_masks_are_counted_over_all_folds(tmp_path: Path) -> None:
    for fold in (1, 2, 3):
        made = make_cell(
            tmp_path,
            "a/seg",
            task="segmentation",
            mask={"dice": 0.5},
            primary=("mask.dice",),
            fold=(fold, 3),
            images=[f"fold{fold}-{i}" for i in range(4)],
        )
        record: Any = made.cell
        made.write_cell({**record, "data": {**record["data"], "test": {"images": 4, "masks": 4}}})
    text = shown(tmp_path)
    assert "segmentation, 3 folds" in text
    assert " masks" not in text


def test_a_long_title_leaves_a_blank_before_the_metric(tmp_path: Path) -> None:
    for fold in (1, 2, 3):
        for seed in (0, 1):
            make_cell(
                tmp_path,
                "a/seg",
                task="segmentation of lungs and heart",
                mask={"dice_pooled": 0.5},
                primary=("mask.dice_pooled",),
                fold=(fold, 3),
                seed=seed,
                images=[f"fold{fold}-{i}" for i in range(4)],
            )
    (line,) = (line for line in shown(tmp_path).splitlines() if "pooled Dice" in line)
    assert " pooled Dice" in line
