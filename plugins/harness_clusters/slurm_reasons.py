"""Why a job of SLURM ended without a result, in words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import harness
from harness_clusters.slurm_commands import JobState

_LOST = {
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "PREEMPTED": "it was preempted",
    "REVOKED": "it was revoked",
}
_PRINTED_BYTES = 4096


def ending_of(
    job: str, found: JobState, directory: Path, printed: Path, params: Mapping[str, Any]
) -> harness.Ending:
    """What there is to say of a job that has left no status.

    Args:
        directory: of the cell.
        printed: what the job has printed as errors.
        params: of the executor.
    """
    on = f" on {found.node}" if found.node else ""
    who, state = f"SLURM job {job}{on}", found.state.split()[0]
    if state in _LOST:
        return harness.Ending(reason=f"{who}: {_LOST[state]}", lost=True)
    if state == "TIMEOUT":
        limit = f"time={params['time']}" if params["time"] else "that of the partition"
        return harness.Ending(
            kind="timeout",
            reason=f"{who} ran past its time limit ({limit}); give --executor-param time=…: it "
            "continues from its last epoch",
        )
    if state == "OUT_OF_MEMORY":
        had = f"mem={params['mem']}" if params["mem"] else "that of the partition"
        return harness.Ending(
            kind="oom",
            reason=f"{who} used more memory than it had ({had}); give --executor-param mem=…",
        )
    if state == "CANCELLED":
        return harness.Ending(reason=f"{who} was cancelled; repeat the command to run it again")
    if state == "FAILED":
        return harness.Ending(reason=f"{who} failed{_said(printed)}")
    if state == "COMPLETED":
        return harness.Ending(reason=f"{who} ended and has left no status{_said(printed)}")
    if state == "GONE":
        return harness.Ending(
            reason=f"{who} is not known to SLURM any more: it was cancelled before it began, or "
            "ended a while ago; repeat the command to run it again"
        )
    return harness.Ending(reason=f"{who} ended as {state}{_said(printed)}")


def _said(printed: Path) -> str:
    try:
        with printed.open("rb") as file:
            file.seek(max(0, printed.stat().st_size - _PRINTED_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return " and has printed nothing that can be seen from here"
    return f": {lines[-1].strip()}" if lines else f"; {printed} is empty"
