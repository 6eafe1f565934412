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
from pathlib import Path
from typing import BinaryIO

import numpy as np

from harness.data.lock import take
from harness.results.record import Spread

FEWEST = 3
"""Timed calls of a probe that has run out of time."""
SHARE_OF_WARMUP = 0.2
"""Of a probe's time."""


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Held by one process of this machine at a time; released by the kernel if the holder dies.

    Where the file system has no locks nothing is held, which the run has said.
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


def timings(
    run: Callable[[], object], *, warmup: int, iterations: int, limit: float | None
) -> list[float]:
    """Seconds of every timed call; ``run`` returns when its work is done.

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
    seconds: list[float] = []
    while len(seconds) < iterations:
        start = time.perf_counter()
        run()
        end = time.perf_counter()
        seconds.append(end - start)
        if end > deadline and len(seconds) >= FEWEST:
            break
    return seconds


def spread(seconds: list[float]) -> Spread:
    """Milliseconds: the median, what 95 % of the calls stay below, and how many there were."""
    p50, p95 = (float(value) for value in np.percentile(np.array(seconds) * 1000, [50, 95]))
    return {"p50": p50, "p95": p95, "calls": len(seconds)}
