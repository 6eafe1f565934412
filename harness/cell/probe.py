"""Speed of the model alone and from store to prediction, measured while no other probe runs on the
machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from harness.results.record import Spread
from harness.runtime.stopwatch import Stopwatch, Taken
from harness.storage.lock import take

FEWEST = 3
"""Timed calls of a probe that has run out of time."""
SHARE_OF_WARMUP = 0.2
"""Of a probe's time."""


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Held by one process of this machine at a time; released by the kernel if the holder dies.

    Where the file system has no locks nothing is held, as the run has reported.
    """
    path = Path(tempfile.gettempdir()) / f"cxr-harness-{name}.lock"
    with _shared_file(path) as handle:
        take(handle.fileno(), fcntl.LOCK_EX)
        yield


def _shared_file(path: Path) -> BinaryIO:
    """The file, made where it is missing; one of another user's can only be read, which a lock
    asks no more than."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return path.open("rb")


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
