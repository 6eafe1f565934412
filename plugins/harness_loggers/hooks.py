"""The hooks of the loggers, in the process of a run: they send what happens to a writer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import harness
from harness_loggers.logged import NOT_RUN, begun, ended, epoch_of
from harness_loggers.writer import Writer


class _Logger:
    """A logger; what it raises costs the run a warning, and the cell nothing."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self._study = Path()
        self._writer: Writer | None = None
        self._open: set[str] = set()
        """Hashes of the cells that are logged while they run."""

    @harness.hookimpl
    def harness_session_start(self, directory: Path) -> None:
        self._study = directory.absolute()
        # Its library is imported while those of the cells are.
        self._writer = Writer(self.name, self._study / "loggers")

    @harness.hookimpl
    def harness_cell_start(self, cell: harness.Cell) -> None:
        run = begun(cell, self._study.name)
        self._tell({"begin": run.as_json()})
        self._open.add(run.hash)

    @harness.hookimpl
    def harness_cell_progress(self, cell: harness.Cell, event: Mapping[str, Any]) -> None:
        key = cell.record["hash"]
        if event["event"] != "epoch" or key not in self._open:
            return
        number, values = epoch_of(event)
        # Where this fails, the cell is logged when it ends.
        self._open.discard(key)
        self._tell({"epoch": number, "hash": key, "values": values})
        self._open.add(key)

    @harness.hookimpl
    def harness_cell_finish(self, cell: harness.Cell, status: Mapping[str, Any]) -> None:
        self._open.discard(cell.record["hash"])
        if status["status"] not in NOT_RUN:
            self._tell({"end": ended(cell, self._study.name, status).as_json()})

    @harness.hookimpl
    def harness_session_finish(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _tell(self, message: Mapping[str, Any]) -> None:
        # There is none where it could not be started, which the run was warned of.
        if self._writer is not None:
            self._writer.tell(message)


class TensorBoard(_Logger):
    name = "tensorboard"


class MLflow(_Logger):
    name = "mlflow"


class WandB(_Logger):
    name = "wandb"
