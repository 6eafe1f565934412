"""A published study beside ours: what may be subtracted, and what cannot have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from harness.bundled import harness_metrics
from harness.discovery.registry import discover
from harness.planning.published.conditions import asked
from harness.planning.published.study import find_published
from harness.protocol import QUICK, STUDY
from harness.report.published.comparison import beside, expected_time
from harness.report.published.conditions import differences
from harness.report.published.impossible import impossible
from harness.report.published.study import Asked, Published, PublishedRow, PublishedTable
from harness.report.table.numbers import UNKNOWN
from harness.report.table.rows import rows
from tests.builders import CLASSES, make_cell

METRICS = tuple(harness_metrics())
MASK = {"dice": 0.9565, "dice_soft": 0.8191}


def published_row(**values: float) -> PublishedRow:
    named = {name.replace("__", "."): value for name, value in values.items()}
    return PublishedRow(label="theirs", method="demo/net", fraction=1.0, values=named)


def study_of(row: PublishedRow, also: Mapping[str, str] | None = None, **facts: Any) -> Published:
    table = PublishedTable(
        title="Results", notes=(), rows=(row,), also=MappingProxyType(dict(also or {}))
    )
    return Published(
        **{
            "name": "demo",
            "dataset": "phantom",
            "title": "A study",
            "protocol": (),
            "epochs": 3,
            "arguments": (),
            "arguments_on_cuda": (),
            "runs": (),
            "tables": (table,),
            "images": None,
            "decimals": 4,
            "pixels": {"mask.dice_soft": 224},
            **facts,
        }
    )


def line_of(folder: Path, study: Published) -> tuple[list[str], str]:
    """The words of the one line, and all that was printed."""
    text = beside(study, rows_of(folder), METRICS, width=120)
    assert "±" not in text
    (line,) = (line for line in text.splitlines() if line.startswith("theirs"))
    return line.removeprefix("theirs").replace("†", "").split(), text


def rows_of(folder: Path) -> list[Any]:
    from harness.results.rundir import find_cells

    return rows(find_cells(folder))


# What cannot be


def test_the_rows_of_the_course_study_that_cannot_be_are_these_and_no_other() -> None:
    study = find_published(discover(), "study")
    found = {
        (row.label, row.fraction): reasons
        for table in study.tables
        for row in table.rows
        if (reasons := impossible(row, study))
    }
    assert {key: len(reasons) for key, reasons in found.items()} == {
        ("ResNeXt-101 64x4d", 1.0): 1,
        ("DINOv2-B, 8 blocks frozen", 1.0): 1,
        ("BEiTv2-B, 8 blocks frozen", 1.0): 1,
    }
    assert "0.9597 is above 0.9439" in found["ResNeXt-101 64x4d", 1.0][0]
    assert "0.9648 is above 0.9634" in found["DINOv2-B, 8 blocks frozen", 1.0][0]
    assert "0.9642 is not a whole number of 4,233" in found["BEiTv2-B, 8 blocks frozen", 1.0][0]


@pytest.mark.parametrize(
    ("f1", "decimals", "possible"),
    [(0.9, 4, True), (0.9001, 4, True), (0.9002, 4, False), (0.9002, 3, True)],
)
def test_macro_f1_may_exceed_the_mean_of_precision_and_recall_by_rounding_alone(
    f1: float, decimals: int, possible: bool
) -> None:
    row = published_row(label__f1=f1, label__precision=0.88, label__recall=0.92)
    assert (impossible(row, study_of(row, decimals=decimals)) == []) == possible


@pytest.mark.parametrize(
    ("accuracy", "images", "possible"),
    [
        (2 / 3, 3, True),
        (0.6667, 3, True),
        (0.6666, 3, False),
        (0.5, 3, False),
        (0.9642, 4233, False),
        (0.9642, 21165, True),
        (0.9642, None, True),
        (1.0, 3, True),
        (0.0, 3, True),
    ],
)
def test_an_accuracy_is_a_whole_number_of_images(
    accuracy: float, images: int | None, possible: bool
) -> None:
    row = published_row(label__accuracy=accuracy)
    assert (impossible(row, study_of(row, images=images)) == []) == possible


def test_a_row_that_cannot_be_is_marked_where_it_stands(tmp_path: Path) -> None:
    row = published_row(label__f1=0.9597, label__precision=0.961, label__recall=0.9268)
    text = beside(study_of(row), [], METRICS, width=80)
    assert "theirs †" in text
    assert "† impossible as printed: theirs: macro F1 0.9597" in text
    markdown = beside(study_of(row), [], METRICS, markdown=True)
    assert "| theirs † " in markdown
    assert "- † impossible as printed" in markdown


# What may be subtracted


def test_a_soft_dice_is_set_beside_a_soft_dice(tmp_path: Path) -> None:
    make_cell(tmp_path, task="segmentation", mask=MASK, primary=("mask.dice",),
              timing={"input_size": 224})  # fmt: skip
    line, text = line_of(tmp_path, study_of(published_row(mask__dice_soft=0.9830)))
    assert line == ["0.9830", "0.8191", "-0.1639"]
    assert "Δ is ours minus published" in text


def test_a_soft_dice_at_another_size_is_another_figure(tmp_path: Path) -> None:
    make_cell(tmp_path, task="segmentation", mask=MASK, primary=("mask.dice",))
    line, text = line_of(tmp_path, study_of(published_row(mask__dice_soft=0.9830)))
    assert line == ["0.9830", "0.8191", UNKNOWN]
    assert (
        "soft Dice: depends on the size of the images; published at 224 px, ours at 64 px" in text
    )


def test_an_older_run_has_no_soft_dice_and_its_hard_one_does_not_take_its_place(
    tmp_path: Path,
) -> None:
    make_cell(tmp_path, task="segmentation", mask={"dice": 0.9565}, primary=("mask.dice",),
              timing={"input_size": 224})  # fmt: skip
    line, text = line_of(tmp_path, study_of(published_row(mask__dice_soft=0.9830)))
    assert line == ["0.9830", UNKNOWN, UNKNOWN]
    assert "soft Dice: prediction files of an older version do not hold it" in text


def test_a_metric_that_nothing_published_answers_to_is_shown_without_a_difference(
    tmp_path: Path,
) -> None:
    make_cell(tmp_path, task="segmentation", mask=MASK, primary=("mask.dice",),
              timing={"input_size": 224})  # fmt: skip
    study = study_of(published_row(mask__dice_soft=0.9830), also={"mask.dice": "Dice: ours."})
    line, text = line_of(tmp_path, study)
    assert line == ["0.9830", "0.8191", "-0.1639", UNKNOWN, "0.9565", UNKNOWN]
    assert "- Dice: ours." in text


def test_a_mean_over_fewer_classes_is_another_figure_and_accuracy_is_not(tmp_path: Path) -> None:
    make_cell(tmp_path, label={"f1": 0.9, "accuracy": 0.8}, present=CLASSES[:3])
    row = published_row(label__f1=0.95, label__accuracy=0.95015)
    line, text = line_of(tmp_path, study_of(row, images=None))
    assert line == ["0.9500", "0.9000", UNKNOWN, "0.9502", "0.8000", "-0.1502"]
    assert "F1: ours is a mean over 3 of 4 classes" in text


def test_a_time_of_another_machine_is_shown_and_never_subtracted(tmp_path: Path) -> None:
    make_cell(tmp_path, label={"f1": 0.9}, timing={"minutes_per_epoch": 0.5})
    study = study_of(published_row(minutes_per_epoch=8.95))
    line, text = line_of(tmp_path, study)
    assert line == ["8.95", "0.5", UNKNOWN]
    assert "min/epoch: a time says how fast a machine is" in text
    hours = 0.5 * 3 / 60
    assert f"{hours:.3g}" in expected_time(study, rows_of(tmp_path))


def test_a_marked_time_enters_no_comparison(tmp_path: Path) -> None:
    make_cell(tmp_path, label={"f1": 0.9}, timing={"minutes_per_epoch": 0.5}, concurrent=True)
    study = study_of(published_row(minutes_per_epoch=8.95))
    line, text = line_of(tmp_path, study)
    assert line == ["8.95", "0.5*", UNKNOWN]
    assert "a marked timing was taken while other work ran, so it is not compared" in text
    (told,) = (
        line for line in expected_time(study, rows_of(tmp_path)).splitlines()
        if line.startswith("demo/net")
    )  # fmt: skip
    assert told.split()[-1] == UNKNOWN


def test_a_small_network_is_not_compared_with_the_full_one(tmp_path: Path) -> None:
    cell = make_cell(tmp_path, label={"f1": 0.9}, timing={"minutes_per_epoch": 0.5})
    record = dict(cell.cell)
    method, protocol = {**record["method"], "tiny": {"width": 8}}, {**record["protocol"]}
    small = {**record, "method": method, "protocol": {**protocol, "tiny": True}}
    cell.write_cell(small)  # type: ignore[arg-type]
    study = study_of(published_row(label__f1=0.95, minutes_per_epoch=8.95))
    line, text = line_of(tmp_path, study)
    assert line == ["0.9500", "0.9000", UNKNOWN, "8.95", "0.5", UNKNOWN]
    assert "small networks instead of the full ones" in text
    assert "0.025" not in expected_time(study, rows_of(tmp_path))


# What must be equal

WHOLE = {
    **asdict(STUDY),
    "epochs": 3,
    "image_size": 64,
}


def asked_of(**changes: Any) -> Mapping[str, tuple[Asked, ...]]:
    one = {
        "protocol": WHOLE,
        "params": {"head": "study"},
        "weights": "random",
        "digest": None,
        "selected_on_test": True,
        **changes,
    }
    return {"demo/net": (Asked(**one),)}


def compared(folder: Path, cell: Mapping[str, Any], **facts: Any) -> tuple[str, str]:
    """The difference of F1 between 0.95, published, and our 0.9; and all that was printed."""
    made = {
        "label": {"f1": 0.9},
        "protocol": WHOLE,
        "changed_params": {"head": ["linear", "study"]},
        "selected_on_test": True,
        "trained_on": {"images": 256, "masks": 256},
        **cell,
    }
    make_cell(folder, **made)
    known = {"images": 128, "train_images": 256, "asked": asked_of(), **facts}
    line, text = line_of(folder, study_of(published_row(label__f1=0.95), **known))
    return line[-1], text


def test_equal_conditions_are_compared(tmp_path: Path) -> None:
    difference, text = compared(tmp_path, {})
    assert difference == "-0.0500"
    assert "conditions" not in text


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ({"protocol": {**WHOLE, "epochs": 5}, "timing": {"epochs": 5}}, "epochs 5 (published: 3)"),
        ({"protocol": {**WHOLE, "batch_size": 8}}, "batch size 8 (published: 16)"),
        ({"protocol": {**WHOLE, "learning_rate": 0.1}}, "learning rate 0.1 (published: 5e-05)"),
        ({"protocol": {**WHOLE, "weight_decay": 0.0}}, "weight decay 0.0 (published: 1e-06)"),
        ({"protocol": {**WHOLE, "flip": True}}, "flip true (published: false)"),
        ({"protocol": {**WHOLE, "image_size": 32}}, "image size 32 (published: 64)"),
        ({"protocol": {**WHOLE, "select_by": None}}, "select_by none (published: mask.dice"),
        ({"deviations": {"batch_size": [16, 4]}}, "batch size 4 (published: 16)"),
        ({"trained_on": {"images": 40}}, "training images 40 (published: 256)"),
        ({"changed_params": {}}, "head unchanged (published: study)"),
        ({"changed_params": {"head": ["a", "b"]}}, "head b (published: study)"),
        ({"selected_on_test": False}, "epoch selected on a validation set of its own (published: "),
        ({"dataset": "other"}, "dataset other (published: phantom)"),
    ],
)
def test_other_conditions_of_ours_are_named_in_the_place_of_a_difference(
    tmp_path: Path, cell: Mapping[str, Any], says: str
) -> None:
    difference, text = compared(tmp_path, cell)
    assert difference == UNKNOWN
    assert says in " ".join(text.split())
    assert "No difference is taken for theirs, as ours ran under other conditions:" in text


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"epochs": 20}, "epochs 3 (published: 20)"),
        ({"images": 4233}, "test images 128 (published: 4,233)"),
        ({"train_images": 16932}, "training images 256 (published: 16,932)"),
        ({"asked": asked_of(weights="pretrained")}, "initial weights random (published: pretrain"),
        (
            {"train_images": None, "asked": asked_of(protocol={**WHOLE, "train_images": 9})},
            "at most so many training images all (published: 9)",
        ),
    ],
)
def test_other_conditions_of_theirs_are_named_in_the_place_of_a_difference(
    tmp_path: Path, facts: Mapping[str, Any], says: str
) -> None:
    difference, text = compared(tmp_path, {}, **facts)
    assert difference == UNKNOWN
    assert says in " ".join(text.split())


def test_hours_here_are_those_of_the_published_conditions(tmp_path: Path) -> None:
    make_cell(tmp_path, label={"f1": 0.9}, timing={"minutes_per_epoch": 0.5})
    study = study_of(published_row(minutes_per_epoch=8.95), train_images=16932)
    assert "0.025" not in expected_time(study, rows_of(tmp_path))


def test_a_method_that_trains_nothing_has_no_epochs_to_differ_in(tmp_path: Path) -> None:
    protocol = {**WHOLE, "epochs": 1, "batch_size": 8}
    cell = {"protocol": protocol, "timing": {"epochs": 0}}
    assert compared(tmp_path, cell)[0] == "-0.0500"


def test_weights_of_the_users_with_the_published_content_are_the_published_ones(
    tmp_path: Path,
) -> None:
    make_cell(tmp_path, label={"f1": 0.9}, protocol=WHOLE, selected_on_test=True)
    (own,) = rows_of(tmp_path)
    row = published_row(label__f1=0.95)
    for digest, there in (("d" * 64, 0), ("e" * 64, 1), (None, 1)):
        ours = replace(own, weights="directory", weights_digest="d" * 64)
        study = study_of(row, asked=asked_of(params={}, weights="pretrained", digest=digest))
        assert len(differences(row, ours, study)) == there


def test_the_bundled_study_asks_what_its_commands_say() -> None:
    study = find_published(discover(), "study")
    (swin,) = study.asked["supervised/swin_b"]
    (beit,) = study.asked["ssl/beitv2_base@freeze8"]
    (unet,) = study.asked["multitask/unet_multitask"]
    assert (swin.weights, unet.weights) == ("pretrained", "random")
    assert swin.params == {"head": "study", "preprocessing": "imagenet"}
    assert (swin.protocol["batch_size"], beit.protocol["batch_size"]) == (16, 64)
    assert swin.protocol["select_by"] == "mask.dice_soft"
    assert swin.selected_on_test is True
    assert (study.epochs, study.images, study.train_images) == (20, 4233, 16932)


def test_settings_are_read_as_harness_run_reads_them() -> None:
    run = ("--plugins=baselines", "--preset", "quick", "--set=epochs=2", "--exclude", "*/pixels")
    found = asked(("--set", "epochs=7", "--weights=somewhere"), (run,), discover())
    assert list(found) == ["baselines/majority"]
    assert found["baselines/majority"][0].protocol["epochs"] == 7
    assert found["baselines/majority"][0].weights == "random"
    assert found["baselines/majority"][0].selected_on_test is False


def test_short_options_of_a_published_command_are_conditions_too() -> None:
    run = ("--plugins", "majority", "--epochs=7", "--lr", "1e-2", "--micro-batch", "4", "--tf32")
    (one,) = asked(("--set", "flip=true"), [run], discover())["baselines/majority"]
    changed = {"epochs": 7, "learning_rate": 1e-2, "micro_batch": 4, "tf32": True, "flip": True}
    assert one.protocol == {**asdict(QUICK), **changed}


# In a terminal


def test_rows_of_several_protocols_and_seeds_fit_80_columns(tmp_path: Path) -> None:
    for seed in (0, 1):
        changed = {**asdict(STUDY), "epochs": 3, "train_images": 1000, "test_images": 500}
        make_cell(tmp_path, label={"f1": 0.5}, seed=seed, protocol=changed)
    row = replace(published_row(label__f1=0.25), label="A network with quite a name of its own")
    text = beside(study_of(row), rows_of(tmp_path), METRICS, width=80)
    assert max(map(len, text.splitlines())) <= 80
    told = " ".join(text.split())
    assert "train_images 1000" in told
    assert "seed 1]" in told


def test_a_method_of_ours_that_predicts_one_class_only_says_so_next_to_the_published_one(
    tmp_path: Path,
) -> None:
    make_cell(tmp_path, label={"f1": 0.1}, predicted=[2, 2, 2, 2])
    text = beside(study_of(published_row(label__f1=0.9)), rows_of(tmp_path), METRICS, width=120)
    assert "theirs [ours: one class only]" in text
