"""Progress of files that are being fetched."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from harness.specs import WeightsCard
from harness.values.wording import size_text


class Transfers:
    """Shows the progress of files on stderr: a bar on a terminal, a line per tenth elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)

    def started(self, card: WeightsCard, names: Sequence[str]) -> None:
        sizes = [file.size for file in card.files if file.name in names]
        size = "unknown size" if None in sizes else size_text(sum(filter(None, sizes)))
        print(
            f"fetching weights {card.id}: {', '.join(names)} ({size}) from {card.location}",
            file=sys.stderr,
            flush=True,
        )

    @contextmanager
    def transfer(self, name: str, total: int | None) -> Iterator[Callable[[int], object]]:
        if not self._console.is_terminal:
            yield _Tenths(name, total).advance
            return
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            _Speed(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        ) as bars:
            task = bars.add_task(name, total=total)
            yield lambda count: bars.advance(task, count)


class _Speed(ProgressColumn):
    """Bytes a second; rich's own column knows no binary units."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        text = "?" if speed is None else f"{size_text(speed)}/s"
        return Text(text, style="progress.data.speed")


class _Tenths:
    def __init__(self, name: str, total: int | None) -> None:
        self._name, self._total = name, total
        self._done = self._told = 0

    def advance(self, count: int) -> None:
        self._done += count
        if self._total and (tenth := 10 * self._done // self._total) > self._told:
            self._told = tenth
            done, total = size_text(self._done), size_text(self._total)
            print(f"{self._name}: {10 * tenth} %, {done} of {total}", file=sys.stderr, flush=True)
