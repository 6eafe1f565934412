"""Cells onto slots: start, watch, time out, and give every one of them a status."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol

from harness.errors import HarnessError, said
from harness.execution.executor import Executor, RunningCell
from harness.execution.log_limit import cut_log
from harness.machine import Resources
from harness.results.record import Status, StatusRecord
from harness.results.rundir import CellDirectory, write_status
from harness.storage.json_files import write_json
from harness.study import Cell

POLL_SECONDS = 0.05
LOG_SECONDS = 1.0
"""Between two looks at the size of a running cell's log."""
END_SECONDS = 30.0
"""That an executor may take to end a cell; beyond, the run no longer waits for it."""


class Observer(Protocol):
    """Notified of what happens, in the parent process; must return quickly."""

    def started(self, cell: Cell) -> None: ...

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        """A line that the cell has added to its history; or ``unreadable``, once, where it has
        added something else."""
        ...

    def finished(self, cell: Cell, status: StatusRecord) -> None: ...


@dataclass
class _Running:
    cell: Cell
    handle: RunningCell
    resources: Resources
    started: float
    seen: int | None = 0
    """History lines that the observer has been given; None once one could not be read."""
    size: int = field(default=-1)
    """Bytes of the history when it was last read."""
    log_seen: float = field(default_factory=time.monotonic)
    """When the size of the log was last looked at."""
    killed: float | None = None
    """When it was first to be ended, as it had timed out."""
    broken: str = ""
    """What the executor did that it must not."""


class BrokenExecutor:
    """Replaces an executor that could not be constructed: every cell fails with the reason."""

    def __init__(self, who: str, error: BaseException) -> None:
        self._reason = f"{who} failed: {said(error)}"

    def submit(self, directory: Path, resources: Resources) -> NoReturn:
        raise HarnessError(self._reason)

    def close(self) -> None:
        """There is nothing to close."""


class _NotStarted:
    """Replaces a cell that the executor did not take."""

    def poll(self) -> int:
        return 1

    def kill(self) -> None:
        """It does not run."""


def run_cells(
    cells: Iterable[Cell],
    executor: Executor,
    slots: tuple[Resources, ...],
    observer: Observer,
    *,
    timeout: float | None,
    damage: Callable[[Cell], str] = lambda cell: "",
) -> None:
    """Run every cell, one per slot at a time; returns when all have a status.

    An executor that raises costs the cell that it was asked about.

    Args:
        timeout: seconds after which a cell is killed and becomes ``timeout``.
        damage: what is wrong with the files of a cell that says it is ok; such a cell becomes
            ``failed``.
    """
    pending, free = deque(cells), list(slots)
    running: list[_Running] = []
    while pending or running:
        while pending and free:
            item = _start(executor, pending.popleft(), free.pop(0))
            running.append(item)
            observer.started(item.cell)
        for item in list(running):
            code = _poll(item)
            _tell(item, observer)
            _limit_log(item, ended=code is not None)
            if code is not None:
                running.remove(item)
                free.append(item.resources)
                observer.finished(item.cell, _status(item, code, timeout, damage))
            elif timeout is not None and time.monotonic() - item.started > timeout:
                _time_out(item)
        if running:
            time.sleep(POLL_SECONDS)


def _start(executor: Executor, cell: Cell, resources: Resources) -> _Running:
    # What an earlier run has reported is not reported again.
    seen = len(CellDirectory(cell.directory).history)
    item = _Running(cell, _NotStarted(), resources, time.monotonic(), seen)
    try:
        item.handle = executor.submit(cell.directory, resources)
    except HarnessError as error:
        item.broken = said(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        item.broken = f"the executor failed to start it: {said(error)}"
    return item


def _poll(item: _Running) -> int | None:
    if item.broken:
        return 1
    try:
        code = item.handle.poll()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        item.broken = f"the executor failed to say whether it still runs: {said(error)}"
        _kill(item)
        return 1
    if code is not None and not isinstance(code, int):
        item.broken = f"the executor's poll() returned {code!r:.40} instead of an exit code"
        return 1
    return code


def _time_out(item: _Running) -> None:
    """End it; one that does not end is given up."""
    now = time.monotonic()
    if item.killed is None:
        item.killed = now
    _kill(item)
    if now - item.killed > END_SECONDS:
        item.broken = (
            item.broken or f"the executor has not ended it {END_SECONDS:g} s after it was to"
        )


def _kill(item: _Running) -> None:
    try:
        item.handle.kill()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        item.broken = item.broken or f"the executor failed to end it: {said(error)}"


def _tell(item: _Running, observer: Observer) -> None:
    history: Path = item.cell.directory / "history.jsonl"
    try:
        size = history.stat().st_size
    except OSError:
        size = 0
    if size == item.size or item.seen is None:
        return
    item.size = size
    try:
        lines = CellDirectory(item.cell.directory).history
    except HarnessError as error:
        item.seen = None
        observer.event(item.cell, {"event": "unreadable", "reason": str(error)})
        return
    for line in lines[item.seen :]:
        observer.event(item.cell, line)
    item.seen = len(lines)


def _limit_log(item: _Running, *, ended: bool) -> None:
    now = time.monotonic()
    if ended or now - item.log_seen > LOG_SECONDS:
        item.log_seen = now
        cut_log(item.cell.directory / "log.txt", ended=ended)


def _status(
    item: _Running, code: int, timeout: float | None, damage: Callable[[Cell], str]
) -> StatusRecord:
    """The status that the cell has left, or the one that it could not leave itself."""
    directory = CellDirectory(item.cell.directory)
    kind: Status = "failed"
    try:
        status = directory.status
    except HarnessError as error:
        return _leave(item, kind, str(error))
    if status is not None:
        wrong = damage(item.cell) if status["status"] == "ok" else ""
        return _leave(item, kind, wrong) if wrong else status
    if item.killed is not None:
        kind, reason = "timeout", f"ran past --timeout {timeout:g} s"
        reason += f"; {item.broken}" if item.broken else ""
    elif item.broken:
        reason = item.broken
    elif code < 0:
        reason = _killed(-code)
    else:
        reason = f"its process ended with code {code} and left no status"
    return _leave(item, kind, reason)


def _leave(item: _Running, kind: Status, reason: str) -> StatusRecord:
    folder = item.cell.directory
    if not (folder / "cell.json").exists():
        reason += f"; {folder} was removed while it ran"
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        write_json(folder / "cell.json", {**item.cell.record, "created": now})
    return write_status(
        CellDirectory(folder),
        kind,
        reason,
        seconds=time.monotonic() - item.started,
        concurrent=item.resources.concurrent,
    )


def _killed(number: int) -> str:
    known = number in set(signal.Signals)
    name = signal.Signals(number).name if known else f"signal {number}"
    hint = "; the system may have run out of memory" if number == signal.SIGKILL else ""
    return f"killed by {name}{hint}"
