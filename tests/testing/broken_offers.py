"""Losses, executors and loggers that each break exactly one promise, and honest ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import harness


def per_sample(logits: Tensor, labels: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


def detached(logits: Tensor, labels: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(logits.detach(), labels)


def over_pairs(logits: Tensor, labels: Tensor) -> Tensor:
    """Not a number for a single sample."""
    return logits.std(dim=0).mean()


class Spawn:
    """Honest: a new interpreter for every cell."""

    def __init__(self, settings: harness.ExecutorSettings) -> None:
        self.cells: list[subprocess.Popen[bytes]] = []

    def submit(
        self, directory: Path, resources: harness.Resources, facts: harness.CellFacts
    ) -> Any:
        command = harness.cell_command(directory, resources, facts)
        self.cells.append(subprocess.Popen(command))
        return self.cells[-1]

    def close(self) -> None:
        for cell in self.cells:
            cell.kill()
            cell.wait()


class RunsNothing(Spawn):
    def submit(
        self, directory: Path, resources: harness.Resources, facts: harness.CellFacts
    ) -> Any:
        self.cells.append(subprocess.Popen([sys.executable, "-c", ""]))
        return self.cells[-1]


class Unkillable(Spawn):
    def submit(
        self, directory: Path, resources: harness.Resources, facts: harness.CellFacts
    ) -> Any:
        return _Lasting(super().submit(directory, resources, facts).poll)


class _Lasting:
    def __init__(self, poll: Callable[[], int | None]) -> None:
        self.poll = poll

    def kill(self) -> None:
        """Does nothing."""


class Notes:
    """Honest: a text for every cell."""

    @harness.hookimpl
    def harness_session_start(self, directory: Path) -> None:
        self.folder = directory / "loggers" / "notes"

    @harness.hookimpl
    def harness_cell_finish(self, cell: harness.Cell, status: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{cell.record['hash']}.txt").write_text(str(status["status"]))


class Raises(Notes):
    @harness.hookimpl
    def harness_cell_start(self, cell: harness.Cell) -> None:
        raise RuntimeError("no pen")


class NeedsAStart(Notes):
    def __init__(self) -> None:
        self.begun: set[str] = set()

    @harness.hookimpl
    def harness_cell_start(self, cell: harness.Cell) -> None:
        self.begun.add(cell.key)

    @harness.hookimpl
    def harness_cell_finish(self, cell: harness.Cell, status: Mapping[str, Any]) -> None:
        self.begun.remove(cell.key)
