"""Cells onto slots: start, watch, time out, and give every one of them a status."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError, said
from harness.execution.contract.executor import (
    CellFacts,
    Ending,
    Executor,
    ExecutorError,
    RunningCell,
    Submission,
    SubmitsMany,
)
from harness.execution.contract.observer import Observer
from harness.execution.watching.cell_files import CellFiles
from harness.execution.watching.endings import status_of
from harness.execution.watching.handed_over import HandedOver
from harness.execution.watching.job_file import write_job
from harness.machine import Resources
from harness.results.rundir import CellDirectory
from harness.study import Cell

POLL_SECONDS = 0.05
END_SECONDS = 30.0
"""That an executor may take to end a cell; beyond, the run no longer waits for it."""
LEAVE_SECONDS = 10.0
"""That the process of a cell may take to end when it has left its status."""
AWAIT_SECONDS = 30.0
"""That the status of a cell on another machine may take to arrive when its process has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How cells are handed over and what becomes of them."""

    executor: str = ""
    """Its name."""
    timeout: float | None = None
    """Seconds from its first sign of life after which a cell is killed and becomes ``timeout``."""
    elsewhere: bool = False
    """Whether cells run on other machines."""
    retries: int = 0
    """How often a cell is submitted again after its machine was lost."""
    data_root: Path | None = None
    """Where other machines find the dataset."""
    adopted: Mapping[str, RunningCell] = field(default_factory=dict)
    """Key of a cell -> what runs it since an earlier command."""
    detach: bool = False
    """Whether to return when all cells are submitted."""
    damage: Callable[[Cell], str] = lambda cell: ""
    """What is wrong with the files of a cell that says it is ok; such a cell becomes ``failed``."""
    check: Callable[[], None] = lambda: None
    """Called in every round; ends the run by raising."""


class BrokenExecutor:
    """Replaces an executor that could not be constructed: every cell fails with the reason."""

    def __init__(self, who: str, error: BaseException) -> None:
        self._reason = f"{who} failed: {said(error)}"

    def submit(self, directory: Path, resources: Resources, facts: CellFacts) -> NoReturn:
        raise HarnessError(self._reason)

    def close(self) -> None:
        """There is nothing to close."""


def run_cells(
    cells: Iterable[Cell],
    executor: Executor,
    slots: Sequence[Resources],
    observer: Observer,
    terms: Terms,
) -> None:
    """Run every cell, one per slot at a time; returns when all have a status.

    An executor that raises costs the cell that it was asked about.
    """
    _Schedule(executor, slots, observer, terms).run(cells)


class _Schedule:
    def __init__(
        self, executor: Executor, slots: Sequence[Resources], observer: Observer, terms: Terms
    ) -> None:
        self._executor = executor
        self._free = deque(slots)
        self._observer = observer
        self._terms = terms
        self._files = CellFiles(observer, limit_logs=not terms.elsewhere)
        self._pending: deque[tuple[Cell, int]] = deque()
        self._running: list[HandedOver] = []
        self._pause = getattr(executor, "poll_seconds", POLL_SECONDS)

    def run(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            if (handle := self._terms.adopted.get(cell.key)) is None:
                self._pending.append((cell, 1))
            else:
                self._adopt(cell, handle)
        while self._pending or self._running:
            self._terms.check()
            self._submit()
            if self._terms.detach and not self._pending:
                self._end_what_was_not_taken()
                return
            self._files.look()
            self._running = [item for item in self._running if not self._over(item)]
            if self._running:
                time.sleep(self._pause)

    def _adopt(self, cell: Cell, handle: RunningCell) -> None:
        """It takes no slot of those that are free now, and leaves one when it ends."""
        resources = (
            self._free.popleft()
            if self._free
            else Resources(device=cell.record["device"], threads=1, concurrent=False)
        )
        item = HandedOver(cell, resources, asked=time.time())
        item.taken(handle)
        self._take(item)

    def _take(self, item: HandedOver) -> None:
        self._running.append(item)
        self._files.watch(item)
        if item.runs():
            self._files.alive(item)

    def _submit(self) -> None:
        """As many as there are slots for."""
        items = []
        while self._pending and self._free:
            cell, attempt = self._pending.popleft()
            items.append(HandedOver(cell, self._free.popleft(), asked=time.time(), attempt=attempt))
        if not items:
            return
        if isinstance(self._executor, SubmitsMany):
            self._start_together(self._executor, items)
        else:
            for item in items:
                self._start(item)
        for item in items:
            if item.job is not None and not item.broken:
                write_job(item.cell.directory, self._terms.executor, item.job)
            self._take(item)

    def _start(self, item: HandedOver) -> None:
        submission = self._submission(item)
        try:
            handle = self._executor.submit(
                submission.directory, submission.resources, submission.facts
            )
        except (KeyboardInterrupt, ExecutorError):
            raise
        except BaseException as error:
            item.not_started(error)
        else:
            item.taken(handle)

    def _start_together(self, executor: SubmitsMany, items: Sequence[HandedOver]) -> None:
        try:
            handles = list(executor.submit_many([self._submission(item) for item in items]))
            if len(handles) != len(items):
                raise TypeError(f"submit_many() returned {len(handles)} cells of {len(items)}")
        except (KeyboardInterrupt, ExecutorError):
            raise
        except BaseException as error:
            for item in items:
                item.not_started(error)
            return
        for item, handle in zip(items, handles, strict=True):
            item.taken(handle)

    def _submission(self, item: HandedOver) -> Submission:
        return Submission(
            directory=item.cell.directory,
            resources=item.resources,
            facts=CellFacts(
                key=item.cell.key,
                asked=item.asked,
                attempt=item.attempt,
                data_root=self._terms.data_root,
            ),
        )

    def _over(self, item: HandedOver) -> bool:
        """Whether it has ended; then it has its status, or is submitted again."""
        if item.alive is None and item.runs():
            self._files.alive(item)
        code = self._code(item)
        if code is None:
            timeout = self._terms.timeout
            if timeout is not None and item.left is None and item.seconds() > timeout:
                self._time_out(item)
            return False
        if self._awaits_status(item, code):
            return False
        self._files.last_look(item)
        self._free.append(item.resources)
        ending = self._ending(item)
        if ending is not None and ending.lost and item.attempt <= self._terms.retries:
            self._again(item, ending)
        else:
            status = status_of(item, code, ending, self._terms.timeout, self._terms.damage)
            self._observer.finished(item.cell, status)
        return True

    def _code(self, item: HandedOver) -> int | None:
        """Its exit code, once it is to be waited for no longer."""
        if item.ended is not None:
            return item.ended[1]
        if (code := item.poll()) is not None:
            item.ended = (time.monotonic(), code)
            return code
        if item.left is not None and time.monotonic() - item.left > LEAVE_SECONDS:
            item.kill()
            return 0
        return None

    def _awaits_status(self, item: HandedOver, code: int) -> bool:
        """Whether the status of a cell that has ended may still be on its way."""
        if not self._terms.elsewhere or item.broken or item.killed is not None:
            return False
        if item.ended is None or time.monotonic() - item.ended[0] > AWAIT_SECONDS:
            return False
        if code != 0 and (ending := item.reason()) is not None and ending.lost:
            return False
        return not self._files.has_status(item)

    def _ending(self, item: HandedOver) -> Ending | None:
        if (item.cell.directory / "status.json").exists():
            return None
        return item.reason()

    def _again(self, item: HandedOver, ending: Ending) -> None:
        line = {
            "event": "submitted_again",
            "attempt": item.attempt + 1,
            "reason": ending.reason,
        }
        CellDirectory(item.cell.directory).append_history(line)
        self._observer.event(item.cell, line)
        self._pending.appendleft((item.cell, item.attempt + 1))

    def _end_what_was_not_taken(self) -> None:
        for item in self._running:
            if item.broken:
                self._files.last_look(item)
                status = status_of(item, 1, None, None, self._terms.damage)
                self._observer.finished(item.cell, status)

    def _time_out(self, item: HandedOver) -> None:
        """End it; one that does not end is given up."""
        now = time.monotonic()
        if item.killed is None:
            item.killed = now
        item.kill()
        if now - item.killed > END_SECONDS:
            item.broken = (
                item.broken or f"the executor has not ended it {END_SECONDS:g} s after it was to"
            )
