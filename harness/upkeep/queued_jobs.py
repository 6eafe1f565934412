"""Jobs of unfinished cells, asked of the executors that have submitted them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.discovery.registry import Entry, discover
from harness.errors import HarnessError, said
from harness.execution.contract.executor import Adopts, ExecutorSettings, Queued
from harness.execution.watching.job_file import read_job
from harness.runtime.resolve import resolve
from harness.specs import ExecutorSpec


@dataclass(frozen=True, slots=True)
class Submitted:
    """A cell that a queue has, or had."""

    executor: str
    job: str
    state: Literal["queued", "running", "gone", "unknown"]
    """``gone`` where the queue no longer has it, ``unknown`` where it cannot be asked."""

    def __str__(self) -> str:
        return f"{self.executor} job {self.job}"


def submitted(cells: Iterable[Path], warn: Callable[[str], None]) -> dict[Path, Submitted]:
    """Folder of a cell -> its job, of cells that have one.

    No plugin is looked for where none has.

    Args:
        cells: folders of cells without a status.
        warn: is told of an executor that cannot be asked.
    """
    jobs = {cell: job for cell in cells if (job := read_job(cell)) is not None}
    if not jobs:
        return {}
    known = discover().executors
    found: dict[Path, Submitted] = {}
    for name in dict.fromkeys(job["executor"] for job in jobs.values()):
        own = {cell: job["job"] for cell, job in jobs.items() if job["executor"] == name}
        try:
            if name not in known:
                raise HarnessError("no installed plugin offers it")
            states = _asked(known[name], own)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            warn(f"executor {name!r} cannot be asked about its jobs: {said(error)}")
            states = {}
        for cell, text in own.items():
            found[cell] = Submitted(name, text, states.get(cell, "unknown"))
    return found


def _asked(
    entry: Entry[ExecutorSpec], jobs: dict[Path, str]
) -> dict[Path, Literal["queued", "running", "gone", "unknown"]]:
    study = next(iter(jobs)).absolute().parents[3]
    settings = ExecutorSettings(params=entry.spec.params, study=study)
    executor = resolve(entry.spec.factory)(settings)
    if not isinstance(executor, Adopts):
        return {}
    try:
        states: dict[Path, Literal["queued", "running", "gone", "unknown"]] = {}
        for cell, job in jobs.items():
            handle = executor.adopt(cell, job)
            if handle is None:
                states[cell] = "gone"
            else:
                states[cell] = handle.state() if isinstance(handle, Queued) else "running"
        return states
    finally:
        executor.leave()
