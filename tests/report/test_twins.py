"""A multitask method stands beside its single-task twins."""

from __future__ import annotations

import json

import pytest

from harness.report.render import render
from harness.report.table.rows import rows
from harness.results.rundir import find_cells
from harness.specs import MetricSpec
from tests.builders import DISTURBED, image_ids, make_cell, metric_specs

TWINS = {"mask": "segmentation/unet", "label": "supervised/net"}


def report(study, **options) -> str:
    return render(rows(find_cells(study)), metric_specs(), **options)


SCORED = image_ids(4)
"""The images of a prediction file, unless a test says others."""


def multitask(study, **changes) -> None:
    changes = {"images": SCORED, **changes}
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
    changes = {"images": SCORED, **changes}
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
    of_net(tmp_path)
    assert [(p["metric"], p["value"], p["twin"], p["twin_value"]) for p in twins(tmp_path)] == [
        ("label.f1", 0.8, "supervised/net", 0.7),
        ("mask.dice", 0.9, "segmentation/unet", 0.95),
    ]
    text = report(tmp_path)
    assert "Compared with single-task methods" in text
    (line,) = (line for line in text.splitlines() if "-0.0500" in line)
    assert line.split()[:7] == [
        "multitask/both", "Dice", "0.9000", "segmentation/unet", "0.9500", "-0.0500", "4",
    ]  # fmt: skip


def of_net(study, **changes) -> None:
    make_cell(study, "supervised/net", label={"f1": 0.7}, **{"images": SCORED, **changes})


def label_pair(study) -> dict:
    return next(pair for pair in twins(study) if pair["metric"] == "label.f1")


def mask_pair(study) -> dict:
    return next(pair for pair in twins(study) if pair["metric"] == "mask.dice")


def test_classes_are_compared_on_the_images_that_both_were_scored_on(tmp_path):
    """Six images of the one and five of the other share four, which the one classifies rightly and
    of which the other takes one for another class."""
    own = {"images": list("abcdxy"), "labels": [0, 0, 1, 1, 0, 1]}
    other = {"images": list("abcdz"), "labels": [0, 0, 1, 1, 0]}
    multitask(tmp_path, **own, predicted=[0, 0, 1, 1, 1, 0])
    of_net(tmp_path, **other, predicted=[0, 1, 1, 1, 1])
    found = label_pair(tmp_path)
    # Of class 0: 2/3; of class 1: 4/5.
    expected = (2 / 3 + 4 / 5) / 2
    assert (found["value"], found["twin_value"]) == (1.0, pytest.approx(expected))
    assert (found["difference"], found["images"]) == (pytest.approx(1 - expected), 4)


def test_a_report_imports_no_module_of_a_plugins_metric(tmp_path):
    """It would change the figures that the report computes after it."""
    make_cell(
        tmp_path, "multitask/both", task="multitask", label={"mine": 0.8}, mask={"dice": 0.9},
        primary=("label.mine", "mask.dice"), twins=TWINS, images=list("abc"),
    )  # fmt: skip
    of_net(tmp_path, images=list("bcd"), labels=[0, 1, 2])
    mine = MetricSpec(
        name="mine", kind="classes", function="nowhere:mine", label="Mine", summary="A metric"
    )
    text = render(rows(find_cells(tmp_path)), (*metric_specs(), mine), width=400)
    assert "a report computes no metric of a plugin: mine of the common ones is not known" in text


def test_masks_of_different_images_are_not_subtracted_and_the_reason_is_said(tmp_path):
    multitask(tmp_path, images=list("abc"))
    unet(
        tmp_path,
        0.95,
        images=list("bcde"),
    )
    found = mask_pair(tmp_path)
    assert (found["difference"], found["twin_value"], found["images"]) == (None, None, None)
    text = report(tmp_path, width=400)
    assert "-0.0500" not in text
    assert (
        "- No Δ of Dice for multitask/both and segmentation/unet: scored on different images "
        "(3 and 4 images, 2 in common), and the records do not hold"
    ) in text


def test_without_a_common_image_there_is_no_difference(tmp_path):
    multitask(tmp_path, images=list("ab"))
    of_net(tmp_path, images=list("cd"))
    assert label_pair(tmp_path)["difference"] is None
    assert "scored on different images: 2 and 2 images, 0 in common" in report(tmp_path)


def test_without_predictions_there_is_no_difference(tmp_path):
    multitask(tmp_path)
    unet(tmp_path, 0.95)
    (lost,) = tmp_path.glob("cells/segmentation--unet/*/*/predictions-test.npz")
    lost.unlink()
    text = report(tmp_path)
    assert mask_pair(tmp_path)["difference"] is None
    assert "predictions-test.npz: is missing" in " ".join(text.split())


@pytest.mark.parametrize("format", ["text", "markdown"])
def test_a_difference_is_written_with_a_delta(tmp_path, format):
    multitask(tmp_path)
    unet(tmp_path, 0.95)
    text = report(tmp_path, format=format)
    assert "Δ" in text
    assert "±" not in text


def test_training_on_different_images_is_said_with_both_counts(tmp_path):
    multitask(tmp_path, trained_on={"masks": 28, "mask_ids": "a", "images": 99, "ids": "c"})
    unet(tmp_path, 0.95, trained_on={"masks": 60, "mask_ids": "b", "images": 60, "ids": "b"})
    of_net(tmp_path, trained_on={"images": 99, "ids": "c"})
    said = "were trained on different masks: 28 and 60."
    text = report(tmp_path, width=400)
    assert f"- multitask/both and segmentation/unet {said}" in text
    assert "different images" not in text
    assert mask_pair(tmp_path)["trained_on"] == [28, 60]
    assert label_pair(tmp_path)["trained_on_the_same"] is True


def test_as_many_other_images_are_different_images(tmp_path):
    multitask(tmp_path, trained_on={"mask_ids": "a"})
    unet(tmp_path, 0.95, trained_on={"mask_ids": "b"})
    assert "different masks: 200 and 200." in report(tmp_path, width=400)


def test_a_twin_of_the_same_split_comes_first(tmp_path):
    multitask(tmp_path / "one", split="this")
    unet(tmp_path / "one", 0.95, split="this")
    unet(tmp_path / "two", 0.94, split="other", environment={"cpu": "B", "threads": 1})
    assert mask_pair(tmp_path)["twin_value"] == 0.95


def test_minutes_carry_their_marks(tmp_path):
    multitask(tmp_path)
    unet(tmp_path, 0.95, timing={"blocks": {"train": DISTURBED}})
    text = report(tmp_path).partition("Compared with single-task")[2]
    assert "0.04*" in text


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
    assert "#### Compared with single-task methods" in report(tmp_path, format="markdown")
