"""``job.json``: which job of a queue runs a cell, for whoever comes after the command that has
submitted it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from harness.errors import HarnessError
from harness.storage.json_files import read_json, write_json
from harness.values.check import fits

NAME = "job.json"


class Job(TypedDict):
    """What the file holds."""

    executor: str
    job: str
    """By which its executor finds it."""
    submitted: str
    """ISO 8601, UTC."""


def write_job(cell: Path, executor: str, job: str) -> None:
    """Beside the other files of the cell."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record: Job = {"executor": executor, "job": job, "submitted": now}
    write_json(cell / NAME, record)


def read_job(cell: Path) -> Job | None:
    """None where there is none that can be read: such a cell is submitted anew, and its worker
    waits for one that may still run it."""
    try:
        found = read_json(cell / NAME)
    except HarnessError:
        return None
    return found if fits(found, Job) else None
