"""Latency and throughput of the model alone, measured while no other probe runs on the machine."""

from __future__ import annotations

import fcntl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

import numpy as np


class Latency(TypedDict):
    """Milliseconds at batch 1: the median, and what 95 % of the calls stay below."""

    p50: float
    p95: float


class Probed(TypedDict):
    """What a probe measures, of the model alone."""

    latency_ms: Latency
    throughput_images_per_second: float
    """Of the median call at the protocol's batch size."""


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Held by one process of this machine at a time; released by the kernel if the holder dies."""
    path = Path(tempfile.gettempdir()) / f"cxr-harness-{name}.lock"
    path.touch(mode=0o666, exist_ok=True)
    with path.open("r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def timings(run: Callable[[], None], *, warmup: int, iterations: int) -> list[float]:
    """Seconds of every timed call; ``run`` returns when its work is done."""
    for _ in range(warmup):
        run()
    seconds = []
    for _ in range(iterations):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def probe(
    fixed: Callable[[int], Callable[[], None]],
    *,
    batch_size: int,
    warmup: int,
    iterations: int,
) -> Probed:
    """Time calls of ``fixed(1)`` and ``fixed(batch_size)``, alone among the machine's probes."""
    with machine_lock("probe"):
        single = timings(fixed(1), warmup=warmup, iterations=iterations)
        batched = timings(fixed(batch_size), warmup=warmup, iterations=iterations)
    p50, p95 = (float(v) for v in np.percentile(np.array(single) * 1000, [50, 95]))
    return {
        "latency_ms": {"p50": p50, "p95": p95},
        "throughput_images_per_second": batch_size / float(np.median(batched)),
    }
