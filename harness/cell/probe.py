"""Speed of the model alone and from store to prediction, measured while no other probe runs on the
machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.results.record import Spread
from harness.runtime.stopwatch import Stopwatch, Taken

FEWEST = 3
"""Timed calls of a probe that has run out of time."""
SHARE_OF_WARMUP = 0.2
"""Of a probe's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds of every timed call, and of all together."""

    wall: list[float]
    cpu: list[float]
    """Of all threads of the process."""
    taken: Taken


def timings(
    run: Callable[[], object], *, warmup: int, iterations: int, limit: float | None
) -> Timings:
    """Times calls of ``run``, which returns when its work is done.

    Args:
        warmup: calls before the timed ones.
        iterations: timed calls.
        limit: seconds for all of them, after which warming up stops early (one call at least), and
            timing too (three at least); None for no limit.
    """
    deadline = float("inf") if limit is None else time.perf_counter() + limit
    spare = 0.0 if limit is None else limit * (1 - SHARE_OF_WARMUP)
    for _ in range(warmup):
        run()
        if time.perf_counter() > deadline - spare:
            break
    wall: list[float] = []
    cpu: list[float] = []
    watch = Stopwatch()
    while len(wall) < iterations:
        start, worked = time.perf_counter(), time.process_time()
        run()
        end = time.perf_counter()
        cpu.append(time.process_time() - worked)
        wall.append(end - start)
        if end > deadline and len(wall) >= FEWEST:
            break
    return Timings(wall=wall, cpu=cpu, taken=watch.read())


def spread(found: Timings) -> Spread:
    """Milliseconds: the medians of wall and CPU time, what 95 % of the calls stay below in wall
    time, and how many there were."""
    p50, p95 = (float(value) for value in np.percentile(np.array(found.wall) * 1000, [50, 95]))
    cpu_p50 = float(np.median(found.cpu)) * 1000
    return {"p50": p50, "p95": p95, "calls": len(found.wall), "cpu_p50": cpu_p50}
