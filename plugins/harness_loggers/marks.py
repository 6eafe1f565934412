"""The file that says of a run's folder that all of the run is in it."""

from __future__ import annotations

from pathlib import Path

from harness_loggers.logged import Run

_NAME = "logged.txt"


def mark(folder: Path, run: Run) -> None:
    """Say that the folder holds exactly this run; the last thing that is written there."""
    (folder / _NAME).write_text(run.digest)


def marked(folder: Path, run: Run) -> bool:
    path = folder / _NAME
    return path.is_file() and path.read_text() == run.digest
