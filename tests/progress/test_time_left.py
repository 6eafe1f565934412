"""The time that is left: a range that holds the truth most of the time and narrows."""

from __future__ import annotations

import random

import pytest

from harness.progress.time_left import TimeLeft, Work, in_words

COSTS = {"conv": 12.0, "transformer": 7.0, "probe": 2.0, "segmenter": 9.0}


def works(known: bool) -> tuple[dict[str, Work], dict[str, float]]:
    """32 cells of four families, and what each takes."""
    rng = random.Random(0)
    truth = {
        f"{family}{number}": cost * rng.uniform(0.7, 1.4)
        for family, cost in COSTS.items()
        for number in range(8)
    }
    described = {
        key: Work(method=key, family=key[:-1], seconds=seconds if known else None)
        for key, seconds in truth.items()
    }
    return described, truth


def replay(
    described: dict[str, Work], truth: dict[str, float], slow: float = 1.0
) -> list[tuple[tuple[float, float] | None, float]]:
    """Two at a time, asked every second: (range, true rest)."""
    left = TimeLeft(described, 2)
    queue, running, now, asked = list(truth), {}, 0.0, []
    while queue or running:
        while queue and len(running) < 2:
            key = queue.pop(0)
            left.begin(key, now)
            running[key] = now + slow * truth[key]
        asked.append((now, left.seconds(now)))
        now += 1.0
        for key, end in list(running.items()):
            left.progressed(key, 1 - max(0.0, end - now) / (slow * truth[key]))
            if end <= now:
                left.finish(key, now)
                del running[key]
    return [(found, now - at) for at, found in asked]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("slow", [1.0, 2.5])
def test_the_truth_lies_in_the_range_most_of_the_time(known: bool, slow: float) -> None:
    described, truth = works(known)
    asked = replay(described, truth, slow)
    ranges = [(found, rest) for found, rest in asked if found is not None]
    inside = [low - 2 <= rest <= high + 2 for (low, high), rest in ranges]
    assert len(ranges) > 0.9 * len(asked)
    assert sum(inside) / len(inside) > 0.7


def test_a_run_whose_costs_are_known_starts_with_a_range() -> None:
    described, truth = works(known=True)
    (low, high), rest = replay(described, truth)[0]
    assert low < rest < high
    assert high < 2 * low


def test_nothing_is_said_before_anything_is_known() -> None:
    left = TimeLeft(works(known=False)[0], 2)
    assert left.seconds(5.0) is None
    assert in_words(left.seconds(5.0)) == ""


def test_the_range_moves_while_no_cell_finishes() -> None:
    left = TimeLeft({"a": Work(method="a", family="x", seconds=100.0)}, 1)
    left.begin("a", 0.0)
    said = [left.seconds(now) for now in (0.0, 40.0, 80.0)]
    highs = [high for _, high in said]
    assert highs == sorted(highs, reverse=True)
    assert len(set(highs)) == 3


def test_the_last_cell_alone_decides_when_it_is_the_longest() -> None:
    described = {"a": Work(method="a", family="x", seconds=100.0)} | {
        key: Work(method=key, family="x", seconds=1.0) for key in "bcd"
    }
    low, high = TimeLeft(described, 4).seconds(0.0)
    assert low < 100 < high


def test_cells_that_never_began_teach_nothing() -> None:
    left = TimeLeft({key: Work(method=key, family="x") for key in "ab"}, 1)
    left.finish("a", 3.0)
    assert left.seconds(3.0) is None
    left.finish("b", 4.0)
    assert left.seconds(4.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        ((1.0, 59.0), "less than 1 min left"),
        ((20.0, 110.0), "up to 2 min left"),
        ((130.0, 230.0), "2 to 4 min left"),
        ((180.0, 180.0), "about 3 min left"),
        ((5000.0, 9000.0), "1 to 2.5 h left"),
        ((600.0, 9000.0), "up to 2.5 h left"),
    ],
)
def test_the_range_in_words(seconds: tuple[float, float] | None, words: str) -> None:
    assert in_words(seconds) == words
