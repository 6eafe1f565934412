"""A published study beside ours: what may be subtracted, and what cannot have been."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from harness.bundled import harness_metrics
from harness.plugins import discover
from harness.report.beside import beside, expected_time
from harness.report.figures import UNKNOWN
from harness.report.impossible import impossible
from harness.report.published import Published, PublishedRow, PublishedTable, find_published
from harness.report.rows import rows
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
            "epochs": 20,
            "arguments": (),
            "arguments_on_cuda": (),
            "runs": (),
            "tables": (table,),
            "images": 4233,
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
    assert "0.9642 is no whole number of 4,233" in found["BEiTv2-B, 8 blocks frozen", 1.0][0]


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


def test_a_time_is_compared_as_the_table_has_it(tmp_path: Path) -> None:
    make_cell(tmp_path, label={"f1": 0.9}, timing={"minutes_per_epoch": 0.5})
    study = study_of(published_row(minutes_per_epoch=8.95))
    assert line_of(tmp_path, study)[0] == ["8.95", "0.5", "-8.45"]
    hours = 0.5 * 3 / 60
    assert f"{hours:.3g}" in expected_time(study, rows_of(tmp_path))


def test_a_marked_time_enters_no_comparison(tmp_path: Path) -> None:
    make_cell(tmp_path, label={"f1": 0.9}, timing={"minutes_per_epoch": 0.5}, concurrent=True)
    study = study_of(published_row(minutes_per_epoch=8.95))
    line, text = line_of(tmp_path, study)
    assert line == ["8.95", "0.5*", UNKNOWN]
    assert "a marked figure was timed beside other work, so it is not compared" in text
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
    assert "Ours are small networks in the place of the full ones" in text
    assert "0.025" not in expected_time(study, rows_of(tmp_path))
