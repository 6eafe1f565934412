"""The contract of an executor: it makes one process run one cell from its directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.discovery.registry import Plugins
from harness.errors import HarnessError, did_you_mean
from harness.machine import Resources
from harness.runtime.surroundings import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSettings:
    """What an executor's factory is handed."""

    modules: tuple[str, ...]
    """Bundled modules of the selected methods, worth importing before the first cell. A third
    party's module is never among them: it is imported in its own cells only."""
    surroundings: Surroundings = field(default_factory=Surroundings.capture)
    """Environment and working directory that cells should be given."""


class RunningCell(Protocol):
    """A cell that has been handed to a process."""

    def poll(self) -> int | None:
        """The exit code, negative for the number of the signal that killed it; None: running."""
        ...

    def kill(self) -> None:
        """End it at once, however deep it hangs. Harmless on a finished cell."""
        ...


class Executor(Protocol):
    """Runs cells. Everything but the exit code travels by the files of the cell's directory."""

    def submit(self, directory: Path, resources: Resources) -> RunningCell:
        """Start a process that runs the cell in the folder by :func:`harness.run_cell`."""
        ...

    def close(self) -> None:
        """Kill what still runs and give everything back."""
        ...


def check_executor(name: str, plugins: Plugins) -> None:
    """HarnessError where no plugin offers an executor of this name."""
    if name not in plugins.executors:
        raise HarnessError(
            f"unknown executor {name!r}{did_you_mean(name, plugins.executors)}; "
            f"executors: {', '.join(plugins.executors)}",
            about="executor",
        )
