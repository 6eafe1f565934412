"""Which files a cell that is ok must have, and which of them are missing."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from harness.results.record import CellRecord, MetricsRecord
from harness.results.rundir import CellDirectory

RUN_AGAIN = "restore it from a copy, or run its cell again"
"""What to do about a file that cannot be computed from others."""

_ALWAYS = ("environment.json", "timing.json")


def missing_files(
    directory: CellDirectory, cell: CellRecord, read: Collection[str] = ()
) -> list[Path]:
    """Files that every cell leaves when it ends as ok, prediction files left out, and that are
    missing or empty. A cell that was only timed scores nothing; one that trains nothing, and finds
    all that it shares with others, has no history.

    Args:
        read: names of files that have been read, so that they are neither.
    """
    names = _ALWAYS if cell["protocol"].get("time_only") else (*_ALWAYS, "metrics.json")
    paths = (directory.path / name for name in names if name not in read)
    return [path for path in paths if not _size(path)]


def _size(path: Path) -> int:
    """Bytes; 0 where there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def missing_predictions(
    directory: CellDirectory,
    cell: CellRecord,
    metrics: MetricsRecord | None,
    sets: Collection[str] | None = None,
) -> list[Path]:
    """Prediction files that a cell that is ok has written, and that are missing.

    Args:
        metrics: what the cell has on record; None where that is missing or damaged.
        sets: that it has a file of, where that is known.
    """
    if cell["protocol"].get("time_only"):
        return []
    parts = (set(cell["data"]) - {"train"}) | set(metrics or {})
    lost = sorted(parts - set(directory.sets if sets is None else sets))
    return [directory.path / f"predictions-{part}.npz" for part in lost]
