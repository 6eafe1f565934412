"""Whether the files of finished cells stay as they are while others run.

A cell's process may write wherever its user may: no system call of an unprivileged process takes
one folder away. So what has been changed is found at the end, and run again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.study import Cell

_SLACK = 0.1
"""Seconds by which the clock of a file system may be behind."""
_OWN = ("log.txt",)
"""Files that may grow when a cell has finished."""

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Changed:
    """A finished cell whose files are no longer those that it has left."""

    cell: Cell
    files: tuple[str, ...]
    """Names of those that were changed or deleted."""
    suspects: tuple[Cell, ...]
    """Cells that ran when that happened."""


class FinishedFiles:
    """Remembers files of cells when they finish, and when each cell of this run has run."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Cell, dict[str, Stamp]]] = {}
        self._began: dict[str, float] = {}
        self._ran: list[tuple[Cell, float, float]] = []

    def started(self, cell: Cell) -> None:
        """The cell runs from now on."""
        self._began[cell.key] = time.time()

    def finished(self, cell: Cell) -> None:
        """The cell has its status, from this run or an earlier one."""
        if (began := self._began.pop(cell.key, None)) is not None:
            self._ran.append((cell, began, time.time()))
        self._known[cell.key] = (cell, dict(_stamps(cell.directory)))

    def changed(self) -> list[Changed]:
        """The cells to run again; they are forgotten here."""
        found = []
        for key, (cell, before) in list(self._known.items()):
            now = dict(_stamps(cell.directory))
            files = tuple(sorted(n for n, stamp in before.items() if now.get(n) != stamp))
            if files:
                del self._known[key]
                found.append(Changed(cell, files, self._suspects(cell, files)))
        return found

    def _suspects(self, cell: Cell, files: tuple[str, ...]) -> tuple[Cell, ...]:
        times = [_change_time(cell.directory, name) for name in files]
        return tuple(
            other
            for other, began, ended in self._ran
            if other.key != cell.key
            and any(began - _SLACK <= moment <= ended + _SLACK for moment in times)
        )


def _stamps(folder: Path) -> Iterator[tuple[str, Stamp]]:
    try:
        with os.scandir(folder) as found:  # Which are files is known without asking for each.
            entries = [e for e in found if e.name not in _OWN and not e.name.startswith(".")]
    except OSError:
        return
    for entry in entries:
        if entry.is_file():
            stamp = entry.stat()
            yield entry.name, (stamp.st_mtime_ns, stamp.st_size, stamp.st_ino)


def _change_time(folder: Path, name: str) -> float:
    """When a file was changed; of a deleted one, when the innermost folder left was."""
    path = folder / name
    while not path.exists():
        path = path.parent
    return path.stat().st_ctime
