"""The folders of cells before they run: what is finished stays, and the others are made ready."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from harness.errors import HarnessError
from harness.results.checks.finished_cell import DAMAGED, Found, settled
from harness.results.checks.reference import Tables
from harness.results.record import PlannedCell, StatusRecord, WrittenCell
from harness.results.rundir import CellDirectory, write_status
from harness.results.spec_record import LimitsRecord
from harness.study import Cell


def finished(cell: Cell, tables: Tables) -> StatusRecord | None:
    """The status of a cell that need not run."""
    found = settled(CellDirectory(cell.directory), tables)
    if found is None or found.lost:
        return None
    return _damaged(found) if found.damage or found.status is None else found.status


def prepared(
    cell: Cell,
    tables: Tables,
    *,
    rerun: bool,
    facts: Mapping[str, Any],
    limits: Mapping[str, int | str | None],
    import_from: tuple[str, ...],
) -> StatusRecord | None:
    """Make the folder of a cell that is to run ready for that; the status of one that cannot, or
    that another process has finished meanwhile, as the job of an earlier command may.

    Args:
        rerun: whether one that is finished is to run again.
        facts: plugin -> what it states about this machine.
        limits: of what the cell may use.
        import_from: folders that its plugins are imported from.
    """
    directory = CellDirectory(cell.directory)
    if not rerun and (status := finished(cell, tables)) is not None:
        return status
    # Without its status the directory is unfinished work, which is resumed.
    if settled(directory, tables) is not None:
        shutil.rmtree(cell.directory)
    cell.directory.mkdir(parents=True, exist_ok=True)
    (cell.directory / "status.json").unlink(missing_ok=True)
    record: WrittenCell = {
        **cast("PlannedCell", cell.record),
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "environment": dict(facts),
        "limits": cast("LimitsRecord", dict(limits)),
        "import_from": list(import_from),
    }
    directory.write_cell(record)
    try:
        _ = directory.history
    except HarnessError:
        # A log of what happened, from which nothing is computed: the cell begins another.
        (cell.directory / "history.jsonl").unlink()
    if cell.blocked is None:
        return None
    kind, reason = cell.blocked
    return write_status(directory, kind, reason, seconds=0.0, concurrent=False)  # type: ignore[arg-type]


def _damaged(found: Found) -> StatusRecord:
    """The status shown for a finished cell that is left alone although it is damaged."""
    return {
        "status": DAMAGED,  # type: ignore[typeddict-item]
        "reason": f"{'; '.join(found.damage)}; --rerun runs it again",
        "finished": "",
        "seconds": 0.0,
        "log_tail": [],
        "concurrent": False,
    }
