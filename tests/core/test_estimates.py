"""Estimates come from finished cells that resemble the one asked for, or there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.planning.forecasts.estimates import Estimate, Machine, estimate, finished_cells
from tests.builders import DISTURBED, PROTOCOL, make_cell

HERE = Machine(cpu="A processor", gpu=None, threads=1)
FACTS = {"cpu": "A processor", "threads": 1}
BUCKETS = {
    "start": 1.0,
    "train": 30.0,
    "validate": 6.0,
    "predict": 4.0,
    "data_prepare": 100.0,
    "frozen_prefix": 100.0,
    "checkpoint": 3.0,
}
TIMING = {"buckets": BUCKETS, "peak_memory_bytes": 500, "parameters_total": 10}


def record(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """The cell that is asked for: 3 epochs, 256/64/128 images."""
    return dict(make_cell(tmp_path / "asked", status=None, **changes).cell)


def finish(tmp_path: Path, **more: Any) -> None:
    options = {"timing": TIMING, "environment": FACTS, **more}
    make_cell(tmp_path / "out" / "study", **options)


def told(tmp_path: Path, asked: dict[str, Any] | None = None, **more: Any) -> Estimate:
    past = finished_cells(tmp_path / "out", "demo--net")
    options = {"machine": HERE, "concurrent": False, **more}
    return estimate(asked or record(tmp_path), past, **options)


def test_the_same_cell_takes_what_it_took_without_shared_work(tmp_path: Path) -> None:
    finish(tmp_path)
    assert told(tmp_path).seconds == pytest.approx(1 + 30 + 6 + 4 + 3)


def test_training_grows_with_epochs_and_training_images(tmp_path: Path) -> None:
    finish(tmp_path)
    asked = record(tmp_path, protocol={**PROTOCOL, "epochs": 6})
    asked["data"]["train"]["images"] = 512
    assert told(tmp_path, asked).seconds == pytest.approx(1 + 4 * 30 + 2 * 6 + 4 + 2 * 3)


def test_the_frozen_pass_is_told_apart_and_grows_with_the_images_of_all_parts(
    tmp_path: Path,
) -> None:
    """It ran for 256 + 64 + 128 images, and a quarter of train takes as many."""
    finish(tmp_path, timing={**TIMING, "activation_seconds": 90.0})
    assert told(tmp_path).activation_seconds == pytest.approx(90)
    asked = record(tmp_path, fraction=0.25)
    asked["data"]["train"]["images"] = 2 * 256 * 0.25
    assert told(tmp_path, asked).activation_seconds == pytest.approx(90 * 704 / 448)


def test_epochs_that_are_done_are_not_counted(tmp_path: Path) -> None:
    finish(tmp_path)
    assert told(tmp_path, epochs_done=2).seconds == pytest.approx(1 + 10 + 2 + 4 + 1)


def test_memory_is_the_highest_peak(tmp_path: Path) -> None:
    finish(tmp_path)
    finish(tmp_path, seed=1, timing={**TIMING, "peak_memory_bytes": 700})
    assert told(tmp_path).memory_bytes == 700


@pytest.mark.parametrize(
    "other",
    [
        {"environment": {**FACTS, "cpu": "Another"}},
        {"environment": {**FACTS, "threads": 8}},
        {"environment": {**FACTS, "gpu": "A card"}},
        {"environment": None},
        {"protocol": {**PROTOCOL, "image_size": 224}},
        {"protocol": {**PROTOCOL, "batch_size": 99}},
        {"device": "cuda"},
        {"status": "failed"},
        {"status": "skipped"},
        {"method": "demo/other"},
        {"timing": {"buckets": {}}},
    ],
)
def test_nothing_is_told_from_a_cell_that_differs(other: dict[str, Any], tmp_path: Path) -> None:
    finish(tmp_path, **other)
    assert told(tmp_path).seconds is None


def test_cells_that_ran_alike_beside_others_are_asked_first(tmp_path: Path) -> None:
    finish(tmp_path)
    finish(tmp_path, seed=1, concurrent=True, timing={"buckets": {"train": 99.0}})
    assert told(tmp_path, concurrent=True).seconds == pytest.approx(99)
    assert told(tmp_path).seconds == pytest.approx(44)


def test_cells_that_other_work_held_up_are_asked_last(tmp_path: Path) -> None:
    slow = {"buckets": {"train": 99.0}, "blocks": {"train": DISTURBED}}
    finish(tmp_path, seed=1, timing=slow)
    assert told(tmp_path).seconds == pytest.approx(99)
    finish(tmp_path)
    assert told(tmp_path).seconds == pytest.approx(44)


def test_sibling_studies_are_asked_too(tmp_path: Path) -> None:
    make_cell(tmp_path / "out" / "elsewhere", timing=TIMING, environment=FACTS)
    assert told(tmp_path).cells == 1


def test_a_kept_checkpoint_is_measured_whatever_the_machine(tmp_path: Path) -> None:
    finish(tmp_path, environment={"cpu": "Another", "threads": 4})
    (folder,) = (tmp_path / "out").glob("*/cells/*/*/*")
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "best.safetensors").write_bytes(bytes(123))
    (folder / "checkpoint" / "last.pt").write_bytes(bytes(1000))
    assert told(tmp_path).checkpoint_bytes == 123


def test_without_a_checkpoint_its_size_follows_from_the_parameters(tmp_path: Path) -> None:
    finish(tmp_path)
    assert told(tmp_path).checkpoint_bytes == 40


def test_activations_grow_with_the_images(tmp_path: Path) -> None:
    stages = {"a": {"where": "disk", "bytes": 448, "seconds": 1.0}}
    finish(tmp_path, timing={**TIMING, "activations": stages})
    asked = record(tmp_path)
    asked["data"]["train"]["images"] = 256 + 448
    assert told(tmp_path, asked).activation_bytes == 2 * 448


def test_a_method_that_freezes_nothing_keeps_no_activations(tmp_path: Path) -> None:
    finish(tmp_path, timing={**TIMING, "activations": {}})
    assert told(tmp_path).activation_bytes == 0


def test_without_any_cell_everything_is_unknown(tmp_path: Path) -> None:
    assert told(tmp_path) == Estimate()


def test_a_broken_record_counts_as_none(tmp_path: Path) -> None:
    finish(tmp_path)
    (timing,) = (tmp_path / "out").glob("*/cells/*/*/*/timing.json")
    timing.write_text("{")
    assert told(tmp_path) == Estimate()
