"""Other people's code, run where it can break nothing: each call in a process of its own.

A fresh interpreter (:mod:`harness.discovery.isolated_process`), which imports nothing of theirs,
forks once per call. A call that hangs, crashes, ends its process or leaves others behind is a
failure with a reason, and the next one starts from the same clean state.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.runtime.process_tree import end_tree
from harness.runtime.resolve import beside

PROCESS = "harness.discovery.isolated_process"
SECONDS = 10.0
"""That a call may take."""
_GRACE = 5.0
"""Seconds beyond that, in which the forking process must have reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call, ``function(doing, **arguments)``, which returns plain JSON values."""

    name: str
    """What a user calls it, e.g. ``"plugin acme"``."""
    function: str
    """``"package.module:callable"`` of the harness. Its first argument, ``doing``, is a function
    that takes what is happening, as in ``"importing acme"``, for the reason of a failure."""
    arguments: Mapping[str, Any]
    """Plain JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a call ended."""

    value: Any
    """What it returned; None where it failed."""
    failure: str = ""
    """``"was still importing acme after 10 s"``, ``"killed by SIGSEGV while importing acme"``, …;
    empty where it returned."""
    error: str = ""
    """Traceback of an error that it raised."""
    output: str = ""
    """What it printed, on both streams; the middle left out where it is long."""
    seconds: float = 0.0
    """Wall time."""


def run_isolated(
    jobs: Sequence[Job],
    *,
    seconds: float | None = None,
    busy: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """The outcome of every job, in their order.

    Args:
        seconds: that each may take; None for :data:`SECONDS`.
        busy: is told the name of the job at hand.
    """
    outcomes: list[Outcome] = []
    seconds = SECONDS if seconds is None else seconds
    while len(outcomes) < len(jobs):
        for outcome in _outcomes(jobs[len(outcomes) :], seconds, busy):
            outcomes.append(outcome)
    return outcomes


def _outcomes(
    jobs: Sequence[Job], seconds: float, busy: Callable[[str], None] | None
) -> Iterator[Outcome]:
    """Of the first jobs, at least one: as many as one forking process lives for."""
    process = subprocess.Popen(
        # -P: a module of the working directory must not stand in for one of a library.
        [sys.executable, "-P", "-m", PROCESS, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked = {
        "path": [folder for folder in sys.path if isinstance(folder, str)],
        "beside": beside(),
        "seconds": seconds,
        "jobs": [{"function": job.function, "arguments": dict(job.arguments)} for job in jobs],
    }
    try:
        # Where it has ended before it has read all, its silence is the answer.
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(asked).encode())
        lines = _Lines(process.stdout.fileno())
        for job in jobs:
            if busy is not None:
                busy(job.name)
            line = lines.next(seconds + _GRACE)
            yield _read(line)
            if line is None:
                return
    finally:
        end_tree(process.pid)
        process.stdout.close()
        process.wait()


def _read(line: bytes | None) -> Outcome:
    if line is None:
        return Outcome(value=None, failure="ended the process that runs plugins' code")
    try:
        return Outcome(**json.loads(line))
    except (ValueError, TypeError) as error:
        return Outcome(value=None, failure=f"left an answer that cannot be read ({error})")


class _Lines:
    """Lines of a pipe, each awaited for a time."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._pending = b""

    def next(self, seconds: float) -> bytes | None:
        """Without its end; None where the writer ends or takes longer."""
        until = time.monotonic() + seconds
        while b"\n" not in self._pending:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._source], [], [], left)[0]:
                return None
            if not (data := os.read(self._source, 1 << 20)):
                return None
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line
