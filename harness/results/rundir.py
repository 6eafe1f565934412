"""The directory that a cell leaves behind: where each file is, how to read and write it, and how to
find all cells under a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.jsonio import append_json_line, read_json, read_json_lines, write_json
from harness.results.predictions import PredictionFile, read_predictions, write_predictions
from harness.results.record import (
    CellRecord,
    MetricsRecord,
    StatusRecord,
    TimingRecord,
    as_cell,
    as_metrics,
    as_status,
    as_timing,
)

_LOG_TAIL_BYTES = 1 << 16


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
        path = self.path / "status.json"
        return as_status(path, read_json(path)) if path.exists() else None

    @property
    def timing(self) -> TimingRecord | None:
        path = self.path / "timing.json"
        return as_timing(path, read_json(path)) if path.exists() else None

    @property
    def metrics(self) -> MetricsRecord | None:
        path = self.path / "metrics.json"
        return as_metrics(path, read_json(path)) if path.exists() else None

    @property
    def environment(self) -> dict[str, Any] | None:
        path = self.path / "environment.json"
        return dict(read_json(path)) if path.exists() else None

    @property
    def history(self) -> list[dict[str, Any]]:
        """One record per event so far, oldest first; a line half written is left out."""
        return read_json_lines(self.path / "history.jsonl")

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the sets with a prediction file, sorted."""
        files = self.path.glob("predictions-*.npz")
        return tuple(sorted(file.stem.removeprefix("predictions-") for file in files))

    def predictions(self, part: str) -> PredictionFile:
        """What the cell predicted on a set; HarnessError where the file is missing or broken."""
        return read_predictions(self._predictions(part))

    def log_tail(self, lines: int = 5) -> list[str]:
        """The last lines of the log; empty where there is none."""
        path = self.path / "log.txt"
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return text.splitlines()[-lines:]

    def write_cell(self, record: CellRecord) -> None:
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
            records = (Path(folder) / "cells").glob("*/*/*/cell.json")
            found.extend(CellDirectory(record.parent) for record in records)
    if not found:
        raise HarnessError(
            f"{directory} holds no run; give the folder of a study, or one above it "
            "(what 'harness run --out' names)"
        )
    return sorted(found)


def newest(cells: Iterable[CellDirectory]) -> dict[CellDirectory, int]:
    """The cells that count, each with the number of older results that it replaces.

    Two cells of equal ``identity`` answer the same question with different code; the one created
    last counts, whatever its status. In which order rows and classes stand is no part of the
    question: older records do not say it.
    """
    rivals: dict[str, list[tuple[datetime, CellDirectory]]] = {}
    for directory in cells:
        cell = directory.cell
        created = datetime.fromisoformat(cell["created"])
        asked = {k: v for k, v in cell["identity"].items() if k not in ("classes", "rows")}
        key = json.dumps(asked, sort_keys=True)
        rivals.setdefault(key, []).append((created, directory))
    return {max(same)[1]: len(same) - 1 for same in rivals.values()}
