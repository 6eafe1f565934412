"""A multitask method stands beside its single-task twins."""

from __future__ import annotations

import json

from harness.report.rows import rows
from harness.report.table import render
from harness.results.rundir import find_cells
from tests.builders import make_cell, metric_specs

TWINS = {"mask": "segmentation/unet", "label": "supervised/net"}


def report(study, **options) -> str:
    return render(rows(find_cells(study)), metric_specs(), **options)


def multitask(study, **changes) -> None:
    make_cell(
        study,
        "multitask/both",
        task="multitask",
        label={"f1": 0.8},
        mask={"dice": 0.9},
        primary=("label.f1", "mask.dice"),
        twins=TWINS,
        **changes,
    )


def unet(study, dice: float, **changes) -> None:
    make_cell(
        study,
        "segmentation/unet",
        task="segmentation",
        mask={"dice": dice},
        primary=("mask.dice",),
        **changes,
    )


def twins(study) -> list[dict]:
    sections = json.loads(report(study, format="json"))["sections"]
    return [pair for section in sections for pair in section["twins"]]


def test_each_target_is_set_beside_the_method_that_has_it_alone(tmp_path):
    multitask(tmp_path)
    unet(tmp_path, 0.95)
    make_cell(tmp_path, "supervised/net", label={"f1": 0.7})
    assert [(p["metric"], p["value"], p["twin"], p["twin_value"]) for p in twins(tmp_path)] == [
        ("label.f1", 0.8, "supervised/net", 0.7),
        ("mask.dice", 0.9, "segmentation/unet", 0.95),
    ]
    text = report(tmp_path)
    assert "Beside single-task methods" in text
    (line,) = (line for line in text.splitlines() if "-0.0500" in line)
    assert line.split()[:6] == [
        "multitask/both", "Dice", "0.9000", "segmentation/unet", "0.9500", "-0.0500",
    ]  # fmt: skip


def test_only_a_twin_of_the_same_seed_fraction_and_protocol_is_compared(tmp_path):
    multitask(tmp_path)
    unet(tmp_path, 0.95, seed=1)
    unet(tmp_path, 0.94, fraction=0.5)
    unet(tmp_path, 0.93, protocol={"name": "paper", "image_size": 224, "epochs": 20})
    unet(tmp_path, 0.92, selected_on_test=True)
    assert {pair["twin_value"] for pair in twins(tmp_path)} == {None}
    assert "segmentation/unet: not run" in report(tmp_path)


def test_a_twin_that_failed_is_none(tmp_path):
    multitask(tmp_path)
    unet(tmp_path, 0.95, status="failed")
    assert {pair["twin_value"] for pair in twins(tmp_path)} == {None}


def test_methods_without_twins_get_no_such_table(tmp_path):
    unet(tmp_path, 0.95)
    assert twins(tmp_path) == []
    assert "single-task" not in report(tmp_path)


def test_markdown_has_the_table_too(tmp_path):
    multitask(tmp_path)
    assert "#### Beside single-task methods" in report(tmp_path, format="markdown")
