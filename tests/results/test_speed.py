"""Minutes per epoch and images per second: the frozen pass is in them, and no stage is left out."""

from __future__ import annotations

from typing import Any

import pytest

from harness.results.speed import frozen_pass, step_speed, training_speed
from harness.runtime.stopwatch import Stopwatch, together


def taken(wall: float, cpu: float | None = None, load: float | None = 0.0) -> Any:
    cpu = 0.5 * wall if cpu is None else cpu
    return {"wall_seconds": wall, "cpu_seconds": cpu, "other_load": load}


def epochs(*seconds: float, stage: str = "train", images: int = 100) -> list[Any]:
    return [
        {
            "stage": stage,
            "images": images,
            "data_wait_seconds": 0.0,
            "train": taken(wall),
            "validate": taken(1.0),
        }
        for wall in seconds
    ]


def test_the_frozen_pass_is_spread_over_the_epochs() -> None:
    found = training_speed(epochs(2.0, 1.0, 1.0, 1.0), taken(135.0))
    assert found["minutes_per_epoch"] == pytest.approx((5 + 135) / 4 / 60)
    assert found["cpu_minutes_per_epoch"] == pytest.approx((5 + 135) / 2 / 4 / 60)
    assert found["images_per_second_train"] == pytest.approx(400 / 140)
    assert found["images_per_cpu_second_train"] == pytest.approx(400 / 70)


def test_steps_alone_are_a_steady_state_without_pass_and_warming_up() -> None:
    found = training_speed(epochs(2.0, 1.0, 1.0, 1.0), taken(135.0))
    assert found["minutes_per_epoch_steps"] == pytest.approx(1 / 60)
    assert found["images_per_second_train_steps"] == pytest.approx(100)


@pytest.mark.parametrize("first", [1, 2])
def test_no_stage_is_left_out_of_the_mean(first: int) -> None:
    """A stage of quick epochs, as short as it may be, and one of slow ones."""
    found = training_speed(
        [*epochs(*[3.0] * first, stage="linear"), *epochs(30.0, 30.0, stage="finetune")], None
    )
    mean = (3 * first + 60) / (first + 2)
    assert found["minutes_per_epoch_steps"] == pytest.approx(mean / 60)
    assert found["minutes_per_epoch"] == pytest.approx(mean / 60)


def test_every_stage_warms_up() -> None:
    stages = [*epochs(5.0, 1.0, 1.0, stage="linear"), *epochs(50.0, 10.0, stage="finetune")]
    steady = (3 * 1.0 + 2 * 10.0) / 5
    assert training_speed(stages, None)["minutes_per_epoch_steps"] == pytest.approx(steady / 60)


def test_a_method_without_epochs_has_no_speed() -> None:
    assert set(training_speed([], taken(9.0)).values()) == {None}


def test_what_one_block_does_not_know_the_sum_does_not_know() -> None:
    unknown: Any = {"wall_seconds": 4.0, "cpu_seconds": None, "other_load": None}
    found = training_speed(epochs(1.0, 1.0), unknown)
    assert found["minutes_per_epoch"] == pytest.approx(6 / 2 / 60)
    assert found["cpu_minutes_per_epoch"] is None
    assert found["cpu_minutes_per_epoch_steps"] is not None


def test_activations_that_two_stages_share_are_paid_once() -> None:
    def kept(key: str | None, seconds: float, where: str = "disk") -> Any:
        return {
            "where": where, "bytes": 1, "seconds": seconds, "cpu_seconds": seconds,
            "other_load": 0.0, "key": key,
        }  # fmt: skip

    both = frozen_pass([kept("a", 3.0), kept("a", 3.0), kept("b", 4.0)])
    assert both is not None and both["wall_seconds"] == 7.0
    assert frozen_pass([kept(None, 0.0, "per batch")]) is None
    assert frozen_pass([]) is None


def test_a_step_alone_has_its_share_of_the_frozen_pass() -> None:
    """20 s once for 1,000 images in all epochs: 0.02 s an image, 0.32 s a step of 16."""
    found = step_speed(0.08, 0.04, 16, taken(20.0, 10.0), 1000)
    assert found["images_per_second_train"] == pytest.approx(16 / 0.4)
    assert found["images_per_cpu_second_train"] == pytest.approx(16 / 0.2)
    assert found["images_per_second_train_steps"] == pytest.approx(16 / 0.08)


def test_the_load_of_blocks_together_is_weighed_by_their_time() -> None:
    assert together([taken(1.0, load=0.0), taken(3.0, load=2.0)]) == {
        "wall_seconds": 4.0, "cpu_seconds": 2.0, "other_load": 1.5,
    }  # fmt: skip


def test_a_stopwatch_tells_waiting_from_working(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 s in which this process works 2 s, and the machine's cores 17 s."""
    busy, cpu, wall = iter([100.0, 117.0]), iter([5.0, 7.0]), iter([50.0, 60.0])
    monkeypatch.setattr("harness.runtime.stopwatch._busy_seconds", lambda: next(busy))
    monkeypatch.setattr("time.process_time", lambda: next(cpu))
    monkeypatch.setattr("time.monotonic", lambda: next(wall))
    watch = Stopwatch()
    assert watch.read() == {"wall_seconds": 10.0, "cpu_seconds": 2.0, "other_load": 1.5}
