"""What a user sees while cells run: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from harness.results.browse.decimals import decimals
from harness.results.browse.network_title import title
from harness.results.record import StatusRecord
from harness.study import Cell
from harness.values.wording import counted


def duration(seconds: float) -> str:
    """``1:23:45``, ``2:05`` or ``0:07``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Tally:
    """How many cells of the run are done, and the time that the rest will take."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.finished = 0
        self.worked = 0.0
        """Cells' worth of work that this run has done itself."""
        self.shares: dict[str, float] = {}
        self._began = time.monotonic()

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        if line["event"] == "epoch":
            self.shares[cell.key] = line["epoch"] / cell.record["protocol"]["epochs"]

    def finish(self, cell: Cell, ran: bool) -> None:
        self.finished += 1
        self.shares.pop(cell.key, None)
        self.worked += ran

    def left(self) -> float | None:
        """Seconds until the end at the pace so far; None before there is a pace."""
        done = self.worked + sum(min(1.0, share) for share in self.shares.values())
        remaining = self.total - self.finished - sum(min(1.0, s) for s in self.shares.values())
        return (time.monotonic() - self._began) / done * max(0.0, remaining) if done else None


def _epoch_text(cell: Cell, line: Mapping[str, Any]) -> str:
    epochs = cell.record["protocol"]["epochs"]
    return (
        f"epoch {line['epoch']}/{epochs}  loss {decimals(line['loss'], 3)}  "
        f"val {' + '.join(cell.record['task']['primary'])} {decimals(line['val']['primary'], 3)}"
    )


_SHARED = {"prepare": "preparing images", "activations": "activations of frozen layers"}
_EVENTS = {"fitted": "predicting", "compiling": "compiling"}


def _live_text(cell: Cell, line: Mapping[str, Any]) -> str | None:
    event = line["event"]
    if event == "epoch":
        return _epoch_text(cell, line)
    if event in _SHARED:
        return f"{_SHARED[event]} {line['done'] / line['total']:.0%}"
    if event == "resumed":
        return f"resumes after epoch {line['epochs_done']}"
    if event == "importing":
        return f"importing {line['module']} of plugin {line['plugin']}"
    if event == "unreadable":
        return f"no further progress is shown: {line['reason']}"
    if event == "restarted":
        return f"starts over: {line['reason']}"
    if event == "no_validation_loss":
        return f"loss() fails on the validation part: {line['reason']}"
    return _EVENTS.get(event)


def _failed(cell: Cell, status: StatusRecord) -> str:
    return f"{status['status']}: {title(cell.record)} {cell.directory.name}: {status['reason']}"


class PlainProgress:
    """One line per event, on stderr."""

    def __init__(self, total: int) -> None:
        self._tally = _Tally(total)
        self._running: set[str] = set()
        self._prepared = 0.0

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def preparing(self, done: int, total: int, what: str = "preparing images") -> None:
        """Work that several cells share."""
        if done == total or time.monotonic() - self._prepared > 2:
            self._prepared = time.monotonic()
            self.say(f"{what}: {done}/{total}")

    def started(self, cell: Cell) -> None:
        self._running.add(cell.key)
        self.say(f"start   {title(cell.record)} {cell.directory.name}")

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        self._tally.event(cell, line)
        if line["event"] == "epoch":
            self.say(f"        {title(cell.record)}  {_epoch_text(cell, line)}")
        elif line["event"] in _SHARED:
            what = f"        {title(cell.record)}  {_SHARED[line['event']]}"
            self.preparing(line["done"], line["total"], what)
        elif text := _live_text(cell, line):
            self.say(f"        {title(cell.record)}  {text}")

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        self._tally.finish(cell, cell.key in self._running)
        left = self._tally.left()
        reason = f": {status['reason']}" if status["reason"] else ""
        time_left = "" if not left else f", about {duration(left)} left"
        self.say(
            f"{status['status']:7} {title(cell.record)} {cell.directory.name}{reason} "
            f"({self._tally.finished}/{counted(self._tally.total, 'cell')}{time_left})"
        )


class LiveProgress:
    """Cell, epoch, loss and primary metric of all that runs, and the time left."""

    def __init__(self, total: int, console: Console) -> None:
        self._tally = _Tally(total)
        self._rows: dict[str, tuple[str, str, float]] = {}
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._cells = self._bar.add_task("cells", total=total, left="")
        self._images: Any = None
        self.live = Live(get_renderable=self._render, console=console, refresh_per_second=4)

    def say(self, text: str) -> None:
        self._console.print(Text(text))

    def preparing(self, done: int, total: int) -> None:
        """Images of the prepared store."""
        if self._images is None:
            self._images = self._bar.add_task("preparing images", total=total, left="")
        self._bar.update(self._images, completed=done, visible=done < total)

    def started(self, cell: Cell) -> None:
        self._rows[cell.key] = (title(cell.record), "starting", time.monotonic())

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        self._tally.event(cell, line)
        key = cell.key
        text = _live_text(cell, line)
        if text is not None and key in self._rows:
            self._rows[key] = (title(cell.record), text, self._rows[key][2])

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        ran = self._rows.pop(cell.key, None) is not None
        self._tally.finish(cell, ran)
        if status["status"] != "ok":
            self.say(_failed(cell, status))

    def _render(self) -> Group:
        left = self._tally.left()
        self._bar.update(
            self._cells,
            completed=self._tally.finished,
            left="" if not left else f"about {duration(left)} left",
        )
        table = Table.grid(padding=(0, 2))
        for name, text, since in self._rows.values():
            table.add_row(Text(name), Text(text), Text(duration(time.monotonic() - since)))
        return Group(table, self._bar)


class FailuresOnly:
    """A line on stderr per cell that fails, and nothing else."""

    def say(self, text: str) -> None:
        """Nothing is shown."""

    def preparing(self, done: int, total: int) -> None:
        """Nothing is shown."""

    def started(self, cell: Cell) -> None:
        """Nothing is shown."""

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        """Nothing is shown."""

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        if status["status"] not in ("ok", "skipped"):
            failed = _failed(cell, status)
            print(failed, file=sys.stderr, flush=True)


@contextmanager
def progress(
    total: int, *, shown: bool = True
) -> Iterator[PlainProgress | LiveProgress | FailuresOnly]:
    """The display that suits stderr, open while cells run; failures only unless ``shown``."""
    console = Console(stderr=True)
    if not shown:
        yield FailuresOnly()
        return
    if not console.is_terminal:
        yield PlainProgress(total)
        return
    display = LiveProgress(total, console)
    with display.live:
        yield display
