"""Who watches the cells of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from harness.results.record import StatusRecord
from harness.study import Cell


class Observer(Protocol):
    """Notified of what happens, in the parent process; must return quickly."""

    def started(self, cell: Cell) -> None:
        """Its process runs; a cell may wait in a queue before that."""
        ...

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        """A line that the cell has added to its history; or ``unreadable``, once, where it has
        added something else."""
        ...

    def finished(self, cell: Cell, status: StatusRecord) -> None: ...
