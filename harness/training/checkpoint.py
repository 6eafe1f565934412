"""Checkpoints: ``last`` to go on from after an interrupt, ``best`` to predict with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

from harness.errors import HarnessError

TRAIN_AGAIN = "repeat its run with --rerun"


def nothing_kept(path: Path) -> str:
    """The message about a finished cell that has no weights."""
    return f"{path}: the trained weights are not there any more; {TRAIN_AGAIN}"


@dataclass
class Progress:
    """What, beside tensors, decides how training goes on."""

    epochs_done: int = 0
    best_epoch: int | None = None
    best_primary: float | None = None
    resumed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    """The clock's buckets until this checkpoint."""
    epochs: list[dict[str, float]] = field(default_factory=list)
    """Per finished epoch: ``images``, ``train_seconds``, ``data_wait_seconds``."""
    activations: dict[str, Any] = field(default_factory=dict)
    """By stage: what became of the activations at its frozen boundary."""


class Checkpoints:
    """The folder ``checkpoint/`` of a cell. Every file appears whole or not at all."""

    def __init__(self, directory: Path) -> None:
        self.last = directory / "last.pt"
        self.best = directory / "best.safetensors"

    def save_last(
        self, module: nn.Module, optimizer: Any, scaler: Any | None, progress: Progress
    ) -> None:
        """Everything that the next epoch depends on."""
        state = {
            "module": module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,
            "progress": vars(progress),
        }
        temporary = self._temporary(self.last)
        torch.save(state, temporary)
        temporary.replace(self.last)

    def load_last(self, device: torch.device) -> dict[str, Any] | None:
        """The state that :meth:`save_last` wrote, or None."""
        if not self.last.exists():
            return None
        state: dict[str, Any] = torch.load(self.last, map_location=device, weights_only=True)
        return state

    def save_best(self, module: nn.Module) -> None:
        temporary = self._temporary(self.best)
        save_model(module, str(temporary))
        temporary.replace(self.best)

    def load_best(self, module: nn.Module, device: torch.device) -> None:
        load_model(module, str(self.best), device=str(device))

    def load_finished(self, module: nn.Module, device: torch.device) -> None:
        """The best weights of a cell that has ended; HarnessError where there are none to use."""
        try:
            self.load_best(module, device)
        except FileNotFoundError as error:
            raise HarnessError(nothing_kept(self.best)) from error
        except (RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:300]
            raise HarnessError(
                f"{self.best}: does not fit {type(module).__name__} ({reason}); {TRAIN_AGAIN}"
            ) from error

    def drop_last(self) -> None:
        self.last.unlink(missing_ok=True)

    def drop_best(self) -> None:
        self.best.unlink(missing_ok=True)

    def _temporary(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f".{path.name}.{os.getpid()}")
