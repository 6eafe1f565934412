"""What a piece of work took: wall time, the process's CPU time, and how busy the machine was."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

_STAT = Path("/proc/stat")
LONGEST = 1.3
"""Wall time by CPU time, beyond which a process has waited for something."""


class Taken(TypedDict):
    """What a timed block took. None: unknown."""

    wall_seconds: float
    cpu_seconds: float | None
    """Of all threads of the process, in user and in kernel mode."""
    other_load: float | None
    """Cores that everything else on the machine kept busy, on average."""


class Stopwatch:
    """Runs from when it is made.

    The load of others comes from the busy time of all cores in ``/proc/stat`` (Linux, in steps of
    10 ms) without the process's own; elsewhere it is the system's load average of the last minute
    without the process's own, and None where there is no such average.
    """

    def __init__(self) -> None:
        self._busy = _busy_seconds()
        self._cpu = time.process_time()
        self._wall = time.monotonic()

    def read(self) -> Taken:
        """What has passed since the start."""
        wall, cpu = time.monotonic() - self._wall, time.process_time() - self._cpu
        return {"wall_seconds": wall, "cpu_seconds": cpu, "other_load": self._others(wall, cpu)}

    def _others(self, wall: float, cpu: float) -> float | None:
        if wall <= 0:
            return None
        busy = _busy_seconds()
        if busy is not None and self._busy is not None:
            return max(0.0, (busy - self._busy - cpu) / wall)
        with contextlib.suppress(OSError, AttributeError):
            return max(0.0, os.getloadavg()[0] - cpu / wall)
        return None


def _busy_seconds() -> float | None:
    """Seconds that the machine's cores have worked since it started; None where it does not say."""
    try:
        words = _STAT.read_text(encoding="ascii").partition("\n")[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _wait, irq, softirq = (int(word) for word in words[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def has_waited(taken: Taken) -> bool:
    """Whether a block of work on the CPU had to wait: for a core, or for a disk. False where its
    CPU time is unknown."""
    cpu = taken["cpu_seconds"]
    return cpu is not None and taken["wall_seconds"] > LONGEST * cpu


def together(blocks: Sequence[Taken]) -> Taken | None:
    """Blocks as one: sums of seconds, the mean load by wall time; None without any, and unknown
    what one of them does not know."""
    if not blocks:
        return None
    wall = sum(block["wall_seconds"] for block in blocks)
    cpus = [block["cpu_seconds"] for block in blocks]
    loads = [block["other_load"] for block in blocks]
    known = [cpu for cpu in cpus if cpu is not None]
    weighed = [
        load * block["wall_seconds"]
        for load, block in zip(loads, blocks, strict=True)
        if load is not None
    ]
    return {
        "wall_seconds": wall,
        "cpu_seconds": sum(known) if len(known) == len(blocks) else None,
        "other_load": sum(weighed) / wall if wall and len(weighed) == len(blocks) else None,
    }
