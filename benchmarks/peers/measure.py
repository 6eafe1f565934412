"""Ratios of times that were taken side by side.

A machine's speed drifts, so an absolute time means little. Contestants therefore take turns within
one process (A B C, C B A, A B C, …), a ratio is formed within every round, and the median of the
rounds is reported with the smallest and the largest.
"""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Run = Callable[[], object]
"""What is timed."""
Contestant = Callable[[], Run]
"""Sets up, untimed, and returns what is to be timed; called anew for every round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """What one run took."""

    wall: float
    cpu: float
    """Of this process and of the children that ended in the meantime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The middle of some figures, and their ends."""

    median: float
    low: float
    high: float
    count: int


def interleave(
    contestants: Mapping[str, Contestant], rounds: int, *, warm_up: bool = True
) -> Mapping[str, tuple[Seconds, ...]]:
    """Seconds of every contestant in every round, in the order of the rounds.

    Args:
        contestants: by name.
        rounds: how often each is timed.
        warm_up: whether a round is run and thrown away first: it fills the caches of files and of
            kernels that later rounds find filled.
    """
    taken: dict[str, list[Seconds]] = {name: [] for name in contestants}
    for number in range(-int(warm_up), rounds):
        names = list(contestants)
        for name in names if number % 2 == 0 else reversed(names):
            seconds = timed(contestants[name]())
            if number >= 0:
                taken[name].append(seconds)
    return {name: tuple(seconds) for name, seconds in taken.items()}


def timed(run: Run) -> Seconds:
    """What the run took; what earlier runs left to collect is collected before."""
    gc.collect()
    wall, cpu = time.perf_counter(), _cpu()
    run()
    return Seconds(wall=time.perf_counter() - wall, cpu=_cpu() - cpu)


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def wall_ratio(ours: Sequence[Seconds], theirs: Sequence[Seconds], factor: float = 1.0) -> Spread:
    """Wall time of ours over theirs, round by round, times ``factor``."""
    pairs = zip(ours, theirs, strict=True)
    return spread([factor * a.wall / b.wall for a, b in pairs])


def cpu_ratio(ours: Sequence[Seconds], theirs: Sequence[Seconds], factor: float = 1.0) -> Spread:
    """CPU time of ours over theirs, round by round, times ``factor``."""
    pairs = zip(ours, theirs, strict=True)
    return spread([factor * a.cpu / b.cpu for a, b in pairs])


def spread(values: Sequence[float]) -> Spread:
    return Spread(
        median=statistics.median(values), low=min(values), high=max(values), count=len(values)
    )
