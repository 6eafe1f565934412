"""The directory that a cell leaves behind: where each file is, how to read and write it, and how to
find all cells under a folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import HarnessError
from harness.results.prediction_file import (
    PredictionFile,
    read_predictions,
    read_scored_ids,
    reference_checksums,
    write_predictions,
)
from harness.results.record import (
    CellRecord,
    MetricsRecord,
    Status,
    StatusRecord,
    TimingRecord,
    WrittenCell,
)
from harness.results.speed import in_current_terms
from harness.results.validate import (
    as_cell,
    as_environment,
    as_history,
    as_metrics,
    as_status,
    as_timing,
)
from harness.storage.json_files import (
    append_json_line,
    parsed_json,
    read_json,
    read_json_lines,
    write_json,
)

R = TypeVar("R")
_PREDICTIONS = re.compile(r"predictions-(?P<part>.*)\.npz", re.DOTALL)
_LOG_TAIL_BYTES = 1 << 16
LEASE = ".lease"
"""Of a cell's folder: one process at a time runs it."""
LOG_LINES = 20
"""Number of last log lines that the status of a failed cell repeats."""


@dataclass(frozen=True, slots=True, order=True)
class CellDirectory:
    """One cell's files. Every property reads the disk, so a running cell can be watched."""

    path: Path

    @property
    def cell(self) -> CellRecord:
        """HarnessError where cell.json is missing, broken, or of another schema."""
        path = self.path / "cell.json"
        return as_cell(path, read_json(path))

    @property
    def status(self) -> StatusRecord | None:
        """None: the cell is unfinished."""
        return self._record("status.json", as_status)

    @property
    def timing(self) -> TimingRecord | None:
        found = self._record("timing.json", as_timing)
        return None if found is None else in_current_terms(found)

    @property
    def metrics(self) -> MetricsRecord | None:
        return self._record("metrics.json", as_metrics)

    @property
    def environment(self) -> dict[str, Any] | None:
        return self._record("environment.json", as_environment)

    def _record(self, name: str, checked: Callable[[Path, Any], R]) -> R | None:
        """The record in a file, None where there is none: asked for once, as folders of many cells
        lie on file systems that are slow to answer."""
        path = self.path / name
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
        return checked(path, parsed_json(path, data))

    @property
    def history(self) -> list[dict[str, Any]]:
        """One record per event so far, oldest first; a line half written is left out.

        HarnessError where a line is not an event; names it.
        """
        path = self.path / "history.jsonl"
        return as_history(path, read_json_lines(path))

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the sets with a prediction file, sorted."""
        try:
            # Several times as fast as a glob.
            files = [file.name for file in self.path.iterdir()]
        except FileNotFoundError:
            return ()
        named = (_PREDICTIONS.fullmatch(file) for file in files)
        return tuple(sorted(found["part"] for found in named if found is not None))

    def predictions(self, part: str, *, bits: bool = True) -> PredictionFile:
        """What the cell predicted on a set, without the masks themselves unless ``bits``;
        HarnessError where the file is missing or broken."""
        return read_predictions(self._predictions(part), bits=bits)

    def scored_ids(self, part: str, target: str) -> tuple[str, ...]:
        """The images that the metrics of a target (``label`` or ``mask``) are over; HarnessError
        where the set's file is missing, broken or without the target."""
        return read_scored_ids(self._predictions(part), target)

    def check_predictions(self, part: str) -> None:
        """HarnessError where a set's file is missing or is not a whole archive; its arrays are not
        read."""
        reference_checksums(self._predictions(part))

    def log_tail(self, lines: int = 5) -> list[str]:
        """The last lines of the log; empty where there is none."""
        path = self.path / "log.txt"
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return text.splitlines()[-lines:]

    def write_cell(self, record: CellRecord | WrittenCell) -> None:
        """Also creates the directory."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "cell.json", record)

    def write_status(self, record: StatusRecord) -> None:
        """Write this last: it makes the cell finished."""
        write_json(self.path / "status.json", record)

    def write_timing(self, record: TimingRecord) -> None:
        write_json(self.path / "timing.json", record)

    def write_metrics(self, record: MetricsRecord) -> None:
        write_json(self.path / "metrics.json", record)

    def write_environment(self, record: Mapping[str, Any]) -> None:
        write_json(self.path / "environment.json", dict(record))

    def append_history(self, line: Mapping[str, Any]) -> None:
        append_json_line(self.path / "history.jsonl", dict(line))

    def write_predictions(self, part: str, file: PredictionFile) -> None:
        write_predictions(self._predictions(part), file)

    def _predictions(self, part: str) -> Path:
        return self.path / f"predictions-{part}.npz"


def find_cells(directory: Path) -> list[CellDirectory]:
    """All cells of a study, or of all studies under a results folder, sorted by path.

    Raises:
        HarnessError: there is none.
    """
    found: list[CellDirectory] = []
    for folder, subfolders, _ in os.walk(directory):
        if "cells" in subfolders:
            # Cells hold checkpoints and caches: nothing to look for below them.
            subfolders.remove("cells")
            cells = (Path(folder) / "cells").glob("*/*/*")
            found.extend(CellDirectory(cell) for cell in cells if _is_cell(cell))
    if not found:
        missing = "" if directory.exists() else " (there is no such folder)"
        raise HarnessError(
            f"{directory} holds no run{missing}; name the results folder, which is that of "
            "'harness run --out', or a study folder in it"
        )
    return sorted(found)


def _is_cell(folder: Path) -> bool:
    """Whether a cell has written there, also where its ``cell.json`` is missing now."""
    return any((folder / name).exists() for name in ("cell.json", "status.json", "metrics.json"))


def newest(cells: Iterable[CellDirectory]) -> dict[CellDirectory, int]:
    """The cells that count, each with the number of older results that it replaces.

    Two cells of equal ``identity`` answer the same question with different code; the one created
    last counts, whatever its status. The order of rows and classes is not part of the
    question: older records do not have it. One whose ``cell.json`` cannot be read replaces nothing.
    """
    return newest_of({directory: _cell_or_none(directory) for directory in cells})


def _cell_or_none(directory: CellDirectory) -> CellRecord | None:
    try:
        return directory.cell
    except HarnessError:
        return None


def newest_of(cells: Mapping[CellDirectory, CellRecord | None]) -> dict[CellDirectory, int]:
    """As :func:`newest`, of records that have been read; None where one could not be."""
    rivals: dict[str, list[tuple[datetime, CellDirectory]]] = {}
    alone: dict[CellDirectory, int] = {}
    for directory, cell in cells.items():
        if cell is None:
            alone[directory] = 0
            continue
        created = datetime.fromisoformat(cell["created"])
        asked = {k: v for k, v in cell["identity"].items() if k not in ("classes", "rows")}
        key = json.dumps(asked, sort_keys=True)
        rivals.setdefault(key, []).append((created, directory))
    return {**{max(same)[1]: len(same) - 1 for same in rivals.values()}, **alone}


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
        explained: the reason is complete; the end of the log is not repeated.
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
