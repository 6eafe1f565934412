"""What a user sees while cells run: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.live import Live

from harness.progress.cell_text import SHARED, Naming, event_text, result_text, score
from harness.progress.live_progress import LiveProgress
from harness.progress.one_writer import OneWriter, drawn
from harness.progress.time_left import TimeLeft, Work, in_words
from harness.results.record import StatusRecord
from harness.study import Cell
from harness.values.plain_text import on_screen
from harness.values.wording import clock_text, counted


class Tally:
    """How many cells of the run are done, what each took, and the time that is left."""

    def __init__(self, cells: Sequence[Cell], at_a_time: int, known: Mapping[str, float]) -> None:
        self.total = len(cells)
        self._done: set[str] = set()
        self.naming = Naming.of(cells)
        self._began: dict[str, float] = {}
        self._left = TimeLeft(
            {
                cell.key: Work(
                    method=cell.method,
                    family=cell.record["method"]["family"],
                    seconds=known.get(cell.key),
                )
                for cell in cells
            },
            at_a_time,
        )

    @property
    def finished(self) -> int:
        """Cells that have ended; one that runs again counts once."""
        return len(self._done)

    def start(self, cell: Cell) -> None:
        self._began[cell.key] = time.monotonic()
        self._left.begin(cell.key, self._began[cell.key])

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        if line["event"] == "epoch":
            self._left.progressed(cell.key, line["epoch"] / cell.record["protocol"]["epochs"])

    def finish(self, cell: Cell) -> str:
        """What the cell took, in words; empty where it has not run now."""
        now = time.monotonic()
        self._done.add(cell.key)
        self._left.finish(cell.key, now)
        began = self._began.pop(cell.key, None)
        return "" if began is None else clock_text(now - began)

    def left(self) -> str:
        """``2 to 4 min left``; empty before anything is known, and at the end."""
        if self.finished == self.total:
            return ""
        return in_words(self._left.seconds(time.monotonic()))


class PlainProgress:
    """One line per event, on stderr."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._prepared = 0.0

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def busy(self, text: str) -> None:
        """Work before the first cell."""
        self.say(text)

    def preparing(self, done: int, total: int, what: str = "preparing images") -> None:
        """Work that several cells share."""
        if done == total or time.monotonic() - self._prepared > 2:
            self._prepared = time.monotonic()
            self.say(f"{what}: {done}/{total}")

    def started(self, cell: Cell) -> None:
        self._tally.start(cell)
        self.say(f"start   {self._tally.naming.name(cell)}")

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        self._tally.event(cell, line)
        name = self._tally.naming.name(cell)
        if line["event"] in SHARED:
            self.preparing(line["done"], line["total"], f"        {name}  {SHARED[line['event']]}")
        elif text := event_text(cell, line):
            self.say(f"        {name}  {text}")

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        took = self._tally.finish(cell)
        result = result_text(status, score(cell, status), took)
        done = f"{self._tally.finished}/{counted(self._tally.total, 'cell')}"
        # Cells that are kept are told one after the other, and take no time.
        where = ", ".join(filter(None, (done, self._tally.left() if took else "")))
        self.say(f"{status['status']:7} {self._tally.naming.name(cell)}  {result}  ({where})")


class FailuresOnly:
    """A line on stderr per cell that fails, and notes where they are wanted."""

    def __init__(self, naming: Naming, say: Callable[[str], None]) -> None:
        self._naming = naming
        self.say = say

    def busy(self, text: str) -> None:
        """Nothing is shown."""

    def preparing(self, done: int, total: int) -> None:
        """Nothing is shown."""

    def started(self, cell: Cell) -> None:
        """Nothing is shown."""

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        """Nothing is shown."""

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        if status["status"] not in ("ok", "skipped"):
            said = f"{status['status']}: {self._naming.name(cell)}: {on_screen(status['reason'])}"
            print(said, file=sys.stderr, flush=True)


@contextmanager
def progress(
    cells: Sequence[Cell],
    *,
    headline: str,
    at_a_time: int = 1,
    known: Mapping[str, float] | None = None,
    shown: bool = True,
    say: Callable[[str], None],
) -> Iterator[PlainProgress | LiveProgress | FailuresOnly]:
    """The display that suits stderr, open while cells run; failures only unless ``shown``.

    Args:
        cells: of the run.
        headline: what runs, in a line.
        at_a_time: cells that run side by side.
        known: key of a cell -> seconds that it took before.
        say: takes the notes where no progress is shown.
    """
    if not shown:
        yield FailuresOnly(Naming.of(cells), say)
        return
    console = OneWriter(stderr=True)
    tally = Tally(cells, at_a_time, known or {})
    if not console.is_terminal:
        plain = PlainProgress(tally)
        plain.say(headline)
        yield plain
        return
    display = LiveProgress(tally, console)
    display.say(headline)
    live = Live(get_renderable=display.render, console=console, auto_refresh=False, transient=True)
    with drawn(live, console):
        yield display
