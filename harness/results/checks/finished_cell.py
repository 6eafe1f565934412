"""A finished cell's records, read once, with what is wrong with its files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import HarnessError
from harness.results.checks.reference import Table, Tables, compare
from harness.results.checks.required_files import RUN_AGAIN, missing_files, missing_predictions
from harness.results.record import CellRecord, MetricsRecord, StatusRecord, TimingRecord
from harness.results.rundir import CellDirectory

DAMAGED = "damaged"
"""What a report shows instead of the status of a cell with a file that cannot be trusted."""
UNFINISHED = "unfinished"
"""What it shows for a cell without a status."""

T = TypeVar("T")
R = TypeVar("R", TimingRecord, MetricsRecord)


@dataclass(slots=True)
class Found:
    """What could be read. None means missing or damaged."""

    directory: CellDirectory
    cell: CellRecord | None = None
    status: StatusRecord | None = None
    timing: TimingRecord | None = None
    metrics: MetricsRecord | None = None
    environment: dict[str, Any] | None = None
    history: list[dict[str, Any]] | None = None
    damage: list[str] = field(default_factory=list)
    """What is wrong, one sentence per file, each with the file's path."""
    not_compared: str = ""
    """Why prediction files could not be compared with the study's table; empty where they were, or
    where there is none."""

    lost: bool = False
    """Whether prediction files are missing: only running the cell again brings its results back."""

    @property
    def finished(self) -> bool:
        """Whether the cell is ok and every file of it can be trusted."""
        return self.status is not None and self.status["status"] == "ok" and not self.damage


def outcome(found: Found) -> tuple[str, str]:
    """Status and reason of a cell as people are told: ``damaged`` where a file of it cannot be
    believed, ``unfinished`` before it has a status."""
    if found.damage:
        return DAMAGED, "; ".join(found.damage)
    if found.status is None:
        return UNFINISHED, "has no status yet; repeat the run to resume it"
    return found.status["status"], found.status["reason"]


def look(directory: CellDirectory, tables: Tables) -> Found:
    """Read a cell's records. Never raises; a status that is not ``ok`` makes its
    results void, so they are not read."""
    found = Found(directory)
    found.cell = _read(found, lambda: directory.cell)
    found.status = _read(found, lambda: directory.status)
    found.environment = _read(found, lambda: directory.environment)
    found.history = _read(found, lambda: directory.history)
    if found.status is None or found.status["status"] != "ok":
        return found
    found.timing = _read(found, lambda: finished_timing(directory))
    found.metrics = _read(found, lambda: finished_metrics(directory))
    if found.cell is not None:
        sets = directory.sets
        lost = missing_predictions(directory, found.cell, found.metrics, sets)
        found.lost = bool(lost)
        records = {
            "environment.json": found.environment,
            "timing.json": found.timing,
            "metrics.json": found.metrics,
        }
        read = {name for name, record in records.items() if record is not None}
        found.damage += incomplete(directory, found.cell, lost, read)
        if sets:
            _compare(found, found.cell, tables.of(directory, found.cell), sets)
    return found


def incomplete(
    directory: CellDirectory, cell: CellRecord, lost: Sequence[Path], read: Collection[str] = ()
) -> list[str]:
    """What is missing of a cell that is ok, one sentence per file.

    Args:
        lost: its :func:`missing_predictions`.
        read: names of files that have been read.
    """
    gone = missing_files(directory, cell, read)
    # Metrics are functions of the predictions, and nothing else can be had without running.
    cure = {"metrics.json": "harness score computes it from the predictions"} if not lost else {}
    return [
        f"{path}: is {'empty' if path.exists() else 'missing'}; {cure.get(path.name, RUN_AGAIN)}"
        for path in (*gone, *lost)
    ]


def finished_timing(directory: CellDirectory) -> TimingRecord | None:
    """timing.json of a cell that is ok; HarnessError where it is damaged, or lacks what every
    version has written to the end of a cell."""
    return _with(directory, "timing.json", "epochs", directory.timing)


def finished_metrics(directory: CellDirectory) -> MetricsRecord | None:
    """metrics.json of a cell that is ok; as :func:`finished_timing`."""
    return _with(directory, "metrics.json", "test", directory.metrics)


def _with(directory: CellDirectory, name: str, key: str, record: R | None) -> R | None:
    # What an earlier version did not write is unknown and not wrong.
    if record is not None and key not in record:
        raise HarnessError(f"{directory.path / name}: lacks {key}")
    return record


def settled(directory: CellDirectory, tables: Tables) -> Found | None:
    """The cell as it was found, where its status says that it need not run: ``ok``, or too damaged
    to tell. None where it is to be run."""
    if not (directory.path / "status.json").exists():
        return None
    found = look(directory, tables)
    if found.status is not None and found.status["status"] != "ok":
        return None
    return found


def _read(found: Found, read: Callable[[], T]) -> T | None:
    try:
        return read()
    except HarnessError as error:
        found.damage.append(str(error))
    except OSError as error:
        found.damage.append(f"{found.directory.path}: cannot be read ({error.strerror})")
    return None


def _compare(found: Found, record: CellRecord, table: Table | str, sets: Sequence[str]) -> None:
    if isinstance(table, str):
        found.not_compared = table
        for part in sets:
            _read(found, partial(found.directory.check_predictions, part))
        return
    _read(found, lambda: compare(found.directory, record, table, sets))
