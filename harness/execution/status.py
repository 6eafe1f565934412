"""How a cell gets its last file."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.results.record import Status, StatusRecord
from harness.results.rundir import CellDirectory

LOG_LINES = 20
"""Last lines of the log that the status of a failed cell repeats."""


def write_status(
    cell: CellDirectory,
    status: Status,
    reason: str,
    *,
    seconds: float,
    concurrent: bool,
    explained: bool = False,
) -> StatusRecord:
    """Write ``status.json``, the mark that the cell is finished, and return what it holds.

    Args:
        explained: the reason says all that there is to say; the end of the log is not repeated.
    """
    quiet = explained or status in ("ok", "skipped", "not_installed")
    record: StatusRecord = {
        "status": status,
        "reason": reason,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "log_tail": [] if quiet else cell.log_tail(LOG_LINES),
        "concurrent": concurrent,
    }
    cell.write_status(record)
    return record
