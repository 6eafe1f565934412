"""What a cell without a status is doing, by what its run leaves on disk."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.execution.study_folder import LEASE, LOCK
from harness.storage.lease import is_held
from harness.storage.lock import take
from harness.upkeep.queued_jobs import Submitted

UNFINISHED = "unfinished"
"""Its run has ended, was killed, or is on a file system without locks: nothing tells."""


def run_began(study: Path) -> float | None:
    """When the run that holds the study's folder took it, as a file's time; None where none holds
    it. A killed run holds nothing."""
    try:
        with (study / LOCK).open("rb") as file:
            # Shared, so that it disturbs nobody who looks at the same moment.
            here = take(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB) == "busy"
        if not here and not is_held(study / LEASE):
            return None
        return (study / LOCK).stat().st_mtime
    except OSError:
        return None


def activity(
    cell: Path,
    history: Sequence[Mapping[str, Any]],
    began: float | None,
    job: Submitted | None = None,
) -> tuple[str, str]:
    """State and detail of a cell without a status.

    ``queued``; ``waiting`` where its process has been started and has yet to begin, as it loads
    libraries or waits for a GPU; ``running``; or :data:`UNFINISHED`.

    Args:
        cell: its folder.
        history: of the cell, also of an interrupted run.
        began: of the study's run (:func:`run_began`).
        job: of a queue, where the cell has one.
    """
    epochs = [line for line in history if line["event"] == "epoch"]
    done = f"epoch {epochs[-1]['epoch']}" if epochs else ""
    if job is not None and job.state in ("queued", "running"):
        return job.state, f"{job}, {done}" if done else str(job)
    if began is None:
        return UNFINISHED, f"resumes after {done}" if done else "not trained yet"
    if _time(cell / "log.txt") < began:
        return "queued", f"resumes after {done}" if done else ""
    if not history or _time(cell / "history.jsonl") < began:
        return "waiting", "its process is starting"
    last = history[-1]
    if last["event"] in ("prepare", "activations"):
        what = {"prepare": "images are prepared", "activations": "activations of frozen layers"}
        return "running", f"{what[last['event']]} {last['done'] / last['total']:.0%}"
    return "running", done or "not trained yet"


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
