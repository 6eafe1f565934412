"""The status of a cell that has ended: the one that it has left, or why it could not."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime

from harness.errors import HarnessError
from harness.execution.contract.executor import Ending
from harness.execution.watching.handed_over import HandedOver
from harness.results.record import Status, StatusRecord
from harness.results.rundir import CellDirectory, write_status
from harness.storage.json_files import write_json
from harness.study import Cell

_BY_SIGNAL = 128
"""What ``harness run-cell`` adds, as shells do: queues pass on exit codes only."""


def status_of(
    item: HandedOver,
    code: int,
    ending: Ending | None,
    timeout: float | None,
    damage: Callable[[Cell], str],
) -> StatusRecord:
    """The status that the cell has left, or the one that it could not leave itself.

    Args:
        code: of its process.
        ending: what the executor knows of its end.
        timeout: seconds that it was allowed.
        damage: what is wrong with the files of a cell that says it is ok.
    """
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
    elif ending is not None:
        kind, reason = ending.kind, ending.reason
    elif code < 0:
        reason = killed(-code)
    elif code - _BY_SIGNAL in set(signal.Signals):
        reason = killed(code - _BY_SIGNAL)
    else:
        reason = f"its process ended with code {code} and left no status"
    if item.attempt > 1:
        reason += f"; submitted {item.attempt} times"
    return _leave(item, kind, reason)


def _leave(item: HandedOver, kind: Status, reason: str) -> StatusRecord:
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
        seconds=item.seconds(),
        concurrent=item.resources.concurrent,
    )


def killed(number: int) -> str:
    """What to say of a process that a signal of this number has ended."""
    known = number in set(signal.Signals)
    name = signal.Signals(number).name if known else f"signal {number}"
    hint = "; the system may have run out of memory" if number == signal.SIGKILL else ""
    return f"killed by {name}{hint}"
