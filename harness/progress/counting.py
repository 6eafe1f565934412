"""Progress of counted work on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS = 2.0
"""Between two lines."""


@contextmanager
def counting(what: str, *, shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """``with counting("checking files") as report: report(done, total)``"""
    if not shown:
        yield lambda done, total: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(what).report
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Lines:
    def __init__(self, what: str) -> None:
        self._what = what
        self._told = time.monotonic()

    def report(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._told > _SECONDS:
            self._told = now
            print(f"{self._what}: {done}/{total}", file=sys.stderr, flush=True)
