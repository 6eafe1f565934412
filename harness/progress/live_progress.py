"""The display on a terminal: a line for each finished cell, which stays, and below it what runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from harness.progress.cell_text import Naming, Score, event_text, result_text, score
from harness.report.screen.text import shortened
from harness.results.record import StatusRecord
from harness.study import Cell
from harness.values.wording import clock_text, counted

STYLES = {"ok": "green", "skipped": "yellow"}
FAILED = "red"
BEST = "best so far"
NAME_SHARE = 0.55
"""Of the terminal's width, what a name may take."""


class Counter(Protocol):
    """What the display counts by; see :class:`harness.progress.run_progress.Tally`."""

    total: int
    naming: Naming

    @property
    def finished(self) -> int: ...

    def start(self, cell: Cell) -> None: ...
    def event(self, cell: Cell, line: Mapping[str, Any]) -> None: ...
    def finish(self, cell: Cell) -> str: ...
    def left(self) -> str: ...


class LiveProgress:
    """Finished cells with their score, what runs, and the time that is left."""

    def __init__(self, tally: Counter, console: Console) -> None:
        self._tally = tally
        self._console = console
        self._rows: dict[str, tuple[str, str, float]] = {}
        self._busy: tuple[str, float] | None = None
        self._best: dict[str, Score] = {}

    def say(self, text: str) -> None:
        self._console.print(Text(text))

    def busy(self, text: str) -> None:
        """Work before the first cell: shown with its seconds until a cell starts."""
        self._busy = (text, time.monotonic())

    def preparing(self, done: int, total: int) -> None:
        """Images of the prepared store."""
        since = self._busy[1] if self._busy else time.monotonic()
        self._busy = (f"preparing images {done}/{total}", since) if done < total else None

    def started(self, cell: Cell) -> None:
        self._busy = None
        self._tally.start(cell)
        self._rows[cell.key] = (self._tally.naming.name(cell), "starting", time.monotonic())

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        self._tally.event(cell, line)
        text = event_text(cell, line)
        if text is not None and cell.key in self._rows:
            name, _, since = self._rows[cell.key]
            self._rows[cell.key] = (name, text, since)

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        self._rows.pop(cell.key, None)
        took = self._tally.finish(cell)
        found = score(cell, status)
        width = max(20, int(NAME_SHARE * self._console.width))
        name = shortened(self._tally.naming.name(cell), width)
        line = Text(f"{status['status']:8}", style=STYLES.get(status["status"], FAILED))
        line.append(f"{name}  ", style="default")
        line.append(result_text(status, found, took), style="default")
        if found is not None and self._leads(found):
            line.append(f"  {BEST}", style="bold")
        self._console.print(line, overflow="fold" if status["status"] != "ok" else "ellipsis")

    def _leads(self, found: Score) -> bool:
        """Whether no finished cell of the task is better; a first one leads nobody."""
        before = self._best.get(found.task)
        better = before is None or (found.value > before.value) == found.higher_is_better
        if better:
            self._best[found.task] = found
        return before is not None and better and found.value != before.value

    def render(self) -> Group:
        """What changes: the running cells, and a foot."""
        now = time.monotonic()
        table = Table.grid(padding=(0, 2))
        for _ in range(2):
            table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True)
        width = max(20, int(0.45 * self._console.width))
        for name, text, since in [*self._rows.values()]:
            table.add_row(Text(shortened(name, width)), Text(text), Text(clock_text(now - since)))
        if self._busy is not None:
            text, since = self._busy
            table.add_row(Text(text), Text(""), Text(clock_text(now - since)))
        done = f"{self._tally.finished} of {counted(self._tally.total, 'cell')} done"
        foot = ", ".join(filter(None, (done, self._tally.left())))
        return Group(table, Text(foot, style="bold", no_wrap=True, overflow="ellipsis"))
