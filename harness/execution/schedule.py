"""Cells onto slots: start, watch, time out, and give every one of them a status."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.execution.executor import Executor, Resources, RunningCell
from harness.execution.status import write_status
from harness.results.record import StatusRecord
from harness.results.rundir import CellDirectory
from harness.study import Cell

POLL_SECONDS = 0.05


class Observer(Protocol):
    """Told what happens, in the parent process; must return quickly."""

    def started(self, cell: Cell) -> None: ...

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        """A line that the cell has added to its history."""
        ...

    def finished(self, cell: Cell, status: StatusRecord) -> None: ...


@dataclass
class _Running:
    cell: Cell
    handle: RunningCell
    resources: Resources
    started: float
    seen: int = 0
    """History lines that the observer has been told."""
    size: int = field(default=-1)
    """Bytes of the history when it was last read."""
    timed_out: bool = False


def run_cells(
    cells: Iterable[Cell],
    executor: Executor,
    slots: tuple[Resources, ...],
    observer: Observer,
    *,
    timeout: float | None,
) -> None:
    """Run every cell, one per slot at a time; returns when all have a status.

    Args:
        timeout: seconds after which a cell is killed and becomes ``timeout``.
    """
    pending, free = deque(cells), list(slots)
    running: list[_Running] = []
    while pending or running:
        while pending and free:
            cell, resources = pending.popleft(), free.pop(0)
            # What an earlier run has told is not told again.
            seen = len(CellDirectory(cell.directory).history)
            handle = executor.submit(cell.directory, resources)
            running.append(_Running(cell, handle, resources, time.monotonic(), seen))
            observer.started(cell)
        for item in list(running):
            code = item.handle.poll()
            _tell(item, observer)
            if code is not None:
                running.remove(item)
                free.append(item.resources)
                observer.finished(item.cell, _status(item, code, timeout))
            elif timeout is not None and time.monotonic() - item.started > timeout:
                item.timed_out = True
                item.handle.kill()
        if running:
            time.sleep(POLL_SECONDS)


def _tell(item: _Running, observer: Observer) -> None:
    history: Path = item.cell.directory / "history.jsonl"
    size = history.stat().st_size if history.exists() else 0
    if size == item.size:
        return
    item.size = size
    lines = CellDirectory(item.cell.directory).history
    for line in lines[item.seen :]:
        observer.event(item.cell, line)
    item.seen = len(lines)


def _status(item: _Running, code: int, timeout: float | None) -> StatusRecord:
    """The status that the cell has left, or the one that it could not leave itself."""
    directory = CellDirectory(item.cell.directory)
    if (status := directory.status) is not None:
        return status
    if item.timed_out:
        kind, reason = "timeout", f"ran past --timeout {timeout:g} s"
    elif code < 0:
        kind, reason = "failed", _killed(-code)
    else:
        kind, reason = "failed", f"its process ended with code {code} and left no status"
    return write_status(
        directory,
        kind,  # type: ignore[arg-type]
        reason,
        seconds=time.monotonic() - item.started,
        concurrent=item.resources.concurrent,
    )


def _killed(number: int) -> str:
    name = signal.Signals(number).name
    hint = "; the system may have run out of memory" if number == signal.SIGKILL else ""
    return f"killed by {name}{hint}"
