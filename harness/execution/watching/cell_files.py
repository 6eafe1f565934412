"""What cells that run write into their folders, looked at within a budget.

A look costs two file operations, and a file system over a network has other users: of many cells,
each is looked at less often. What ends a cell is known without a look.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from harness.errors import HarnessError
from harness.execution.contract.observer import Observer
from harness.execution.watching.handed_over import HandedOver
from harness.execution.watching.log_limit import cut_log
from harness.results.rundir import CellDirectory

LOOKS_PER_SECOND = 40.0
"""Of all cells together."""
LOG_SECONDS = 1.0
"""Between two looks at the size of a running cell's log."""


class CellFiles:
    """Tells an observer what cells add to their histories.

    Args:
        limit_logs: whether logs are cut here, as nobody else does that where cells run.
    """

    def __init__(self, observer: Observer, *, limit_logs: bool) -> None:
        self._observer = observer
        self._limit_logs = limit_logs
        self._turn: deque[_Watched] = deque()
        self._of: dict[str, _Watched] = {}
        self._since = time.monotonic()
        self._allowed = LOOKS_PER_SECOND

    def watch(self, item: HandedOver) -> None:
        """From now on. What an earlier run has reported is not reported again."""
        watched = _Watched(item)
        try:
            watched.seen = len(CellDirectory(item.cell.directory).history)
        except HarnessError as error:
            self._is_unreadable(watched, error)
        self._of[item.cell.key] = watched
        self._turn.append(watched)

    def look(self) -> None:
        """At as many as the budget allows."""
        now = time.monotonic()
        earned = (now - self._since) * LOOKS_PER_SECOND
        self._allowed, self._since = min(self._allowed + earned, LOOKS_PER_SECOND), now
        for _ in range(min(len(self._turn), int(self._allowed))):
            watched = self._turn.popleft()
            if watched.gone:
                continue
            self._turn.append(watched)
            self._allowed -= 1
            self._look_at(watched)

    def last_look(self, item: HandedOver) -> None:
        """At a cell that has ended."""
        watched = self._of.pop(item.cell.key)
        watched.gone = True
        self._tell(watched)
        if self._limit_logs:
            cut_log(item.cell.directory / "log.txt", ended=True)

    def has_status(self, item: HandedOver) -> bool:
        """Whether it is there, also where the file system remembers that it was not."""
        folder = item.cell.directory
        try:
            return any(path.name == "status.json" for path in folder.iterdir())
        except OSError:
            return False

    def _look_at(self, watched: _Watched) -> None:
        item = watched.item
        self._tell(watched)
        if item.left is None and (item.cell.directory / "status.json").exists():
            item.left = time.monotonic()
        now = time.monotonic()
        if self._limit_logs and now - watched.log_seen > LOG_SECONDS:
            watched.log_seen = now
            cut_log(item.cell.directory / "log.txt", ended=False)

    def _tell(self, watched: _Watched) -> None:
        item = watched.item
        if not watched.has_grown():
            return
        try:
            lines = CellDirectory(item.cell.directory).history
        except HarnessError as error:
            self._is_unreadable(watched, error)
            return
        assert watched.seen is not None
        new, watched.seen = lines[watched.seen :], len(lines)
        if new:
            self.alive(item)
        for line in new:
            self._observer.event(item.cell, line)

    def _is_unreadable(self, watched: _Watched, error: HarnessError) -> None:
        watched.seen = None
        line = {"event": "unreadable", "reason": str(error)}
        self._observer.event(watched.item.cell, line)

    def alive(self, item: HandedOver) -> None:
        """There is a sign of life."""
        if item.alive is None:
            item.alive = time.monotonic()
            self._observer.started(item.cell)


class _Watched:
    def __init__(self, item: HandedOver) -> None:
        self.item = item
        self.gone = False
        self.log_seen = time.monotonic()
        """When the size of the log was last looked at."""
        self.seen: int | None = 0
        """History lines that the observer has been given; None once one could not be read."""
        self._size = -1

    def has_grown(self) -> bool:
        """Whether the history is of another size than when this was last asked."""
        history: Path = self.item.cell.directory / "history.jsonl"
        try:
            size = history.stat().st_size
        except OSError:
            size = 0
        if size == self._size or self.seen is None:
            return False
        self._size = size
        return True
