"""The clock adds up."""

from __future__ import annotations

import pytest

from harness.training.clock import Clock


class Hands:
    """A clock face that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_outside_every_bucket_is_other() -> None:
    hands = Hands()
    clock = Clock(now=hands)
    hands.now += 3
    assert clock.read()["other"] == 3


def test_an_inner_bucket_pauses_the_outer_one() -> None:
    hands = Hands()
    clock = Clock(now=hands)
    with clock.bucket("train"):
        hands.now += 1
        with clock.bucket("checkpoint"):
            hands.now += 10
        hands.now += 2
    seconds = clock.read()
    assert (seconds["train"], seconds["checkpoint"], seconds["other"]) == (3, 10, 0)


def test_buckets_sum_to_the_wall_time_since_the_cell_was_asked_for() -> None:
    hands = Hands()
    clock = Clock(origin=95.0, now=hands)
    with clock.bucket("build"):
        hands.now += 4
    hands.now += 1
    assert sum(clock.read().values()) == hands.now - 95.0
    assert clock.read()["start"] == 5


def test_an_exception_closes_its_bucket() -> None:
    hands = Hands()
    clock = Clock(now=hands)
    with pytest.raises(RuntimeError), clock.bucket("train"):
        hands.now += 1
        raise RuntimeError
    hands.now += 5
    assert clock.read()["train"] == 1
    assert clock.read()["other"] == 5


def test_seconds_of_earlier_processes_are_added() -> None:
    clock = Clock(now=Hands())
    clock.add({"train": 7.0})
    assert clock.read()["train"] == 7


def test_an_unknown_bucket_is_refused() -> None:
    with pytest.raises(ValueError, match="no bucket 'lunch'"), Clock().bucket("lunch"):
        pass
