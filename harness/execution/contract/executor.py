"""The contract of an executor: it makes one process run one cell from its directory."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from harness.errors import HarnessError
from harness.machine import Resources
from harness.runtime.surroundings import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsRequest:
    """What a run asks of an executor for other machines, as it was given."""

    device: str
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    jobs: int | None
    """Cells at a time."""
    threads: int | None
    """Per cell."""
    params: Mapping[str, Any]
    """Of the executor, with what ``--executor-param`` changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """What every cell gets on the machines that an executor reaches."""

    device: Literal["cpu", "cuda"]
    """Kind of device: part of a cell's name, so it is settled before anything is planned."""
    threads: int
    """Per cell, 1 or more."""
    count: int | None = None
    """Cells that may be with the executor at a time, 1 or more; None: all, as a queue takes them.
    One that cannot limit what runs at a time answers with ``jobs`` here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSettings:
    """What an executor's factory is handed."""

    modules: tuple[str, ...] = ()
    """Bundled modules of the selected methods, worth importing before the first cell. A third
    party's module is never among them: it is imported in its own cells only."""
    surroundings: Surroundings = field(default_factory=Surroundings.capture)
    """Environment and working directory that cells should be given."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Of the executor's spec, with what ``--executor-param`` changes."""
    study: Path | None = None
    """Folder of the study whose cells are run; None where there is none, as in a test."""
    jobs: int | None = None
    """Cells that may run at a time, as ``--jobs`` has it; None: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFacts:
    """What an executor is told of a cell besides its folder."""

    key: str
    """``<method>/seed0-frac100-<hash12>``, which no other cell of a study has."""
    asked: float
    """When it was asked for: ``time.time()`` of the machine that asked, to be handed to
    :func:`harness.run_cell` or as ``harness run-cell --asked``."""
    attempt: int = 1
    """1, or more for one that is submitted again as its machine was lost."""
    data_root: Path | None = None
    """Where the machines that cells run on find the dataset, where that is elsewhere than here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One cell to start."""

    directory: Path
    resources: Resources
    facts: CellFacts


EndingKind = Literal["failed", "oom", "timeout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a cell has ended that left no status, as far as the executor knows."""

    kind: EndingKind = "failed"
    reason: str
    """A sentence without a full stop: what happened, and what to do."""
    lost: bool = False
    """Whether the machine failed or was taken away: nothing of the cell is to blame, and it is
    submitted again as often as ``--retries`` allows."""


def cell_command(directory: Path, resources: Resources, facts: CellFacts) -> list[str]:
    """The words that run the cell in a process of its own: ``harness run-cell``, by the interpreter
    of this process, which other machines must have at the same place."""
    words = [sys.executable, "-P", "-m", "harness", "run-cell", str(directory.absolute())]
    words += ["--device", resources.device, "--threads", str(resources.threads)]
    words += ["--asked", f"{facts.asked:.3f}"]
    return words if facts.data_root is None else [*words, "--data-root", str(facts.data_root)]


class ExecutorError(HarnessError):
    """Raised by what an executor does: no cell can run, and the run ends with the message. Cells
    without a status are unfinished; an executor that :class:`Adopts` is left, not closed."""


class RunningCell(Protocol):
    """A cell that has been handed to a process. ``subprocess.Popen`` is one.

    It may also have what :class:`Queued` and :class:`Explained` state, and ``job``, a text by which
    :class:`Adopts` finds it again.
    """

    def poll(self) -> int | None:
        """The exit code, negative for the number of the signal that killed it; None: it has not
        ended. A cell that has left its status has ended whatever this returns."""
        ...

    def kill(self) -> None:
        """End it at once, however deep it hangs. Harmless on a finished cell."""
        ...


@runtime_checkable
class Queued(Protocol):
    """A cell that may wait before its process is started. One that is none of these runs from the
    moment at which it is submitted."""

    def state(self) -> Literal["queued", "running"]:
        """Asked until it runs: the time that ``--timeout`` allows counts from there."""
        ...


@runtime_checkable
class Explained(Protocol):
    """A cell of which more can be known than an exit code."""

    def reason(self) -> Ending | None:
        """Asked when it has ended without a status; None: no more than its exit code."""
        ...


class Executor(Protocol):
    """Runs cells. Everything but the exit code travels by the files of the cell's directory.

    It may also have what :class:`SubmitsMany` and :class:`Adopts` state, and ``poll_seconds``, the
    pause between two rounds of ``poll()``: seconds, more than 0 and at most 60 (default: 0.05).
    """

    def submit(self, directory: Path, resources: Resources, facts: CellFacts) -> RunningCell:
        """Start a process that runs the cell in the folder: by ``harness run-cell``, or by
        :func:`harness.run_cell`."""
        ...

    def close(self) -> None:
        """Kill what still runs and give everything back."""
        ...


@runtime_checkable
class SubmitsMany(Protocol):
    """An executor for which many cells at once are less than one at a time."""

    def submit_many(self, submissions: Sequence[Submission]) -> Sequence[RunningCell]:
        """As ``submit`` for each, in their order."""
        ...


@runtime_checkable
class Adopts(Protocol):
    """An executor whose cells go on when the command that has submitted them ends."""

    def adopt(self, directory: Path, job: str) -> RunningCell | None:
        """The cell that an earlier command has submitted, by the ``job`` of its handle; None where
        it is neither queued nor running."""
        ...

    def leave(self) -> None:
        """Give back what this process holds; cells go on. Called instead of ``close()``."""
        ...
