"""Runs a cell in the calling process, for a debugger. Memory and state leak between cells: what any
plugin's module changes while it is imported is seen by all cells that come after."""

from __future__ import annotations

from pathlib import Path

from harness.execution.contract.executor import CellFacts, ExecutorSettings
from harness.machine import Resources


class _Finished:
    def __init__(self, code: int) -> None:
        self._code = code

    def poll(self) -> int | None:
        return self._code

    def kill(self) -> None:
        """It has finished already."""


class InlineExecutor:
    """See :class:`harness.Executor`; ``submit`` returns when the cell ends."""

    def __init__(self, settings: ExecutorSettings) -> None:
        self._settings = settings

    def submit(self, directory: Path, resources: Resources, facts: CellFacts) -> _Finished:
        from harness.cell.run import run_cell

        return _Finished(
            run_cell(directory, resources, asked=facts.asked, data_root=facts.data_root)
        )

    def close(self) -> None:
        """Nothing outlives ``submit``."""
