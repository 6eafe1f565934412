"""Methods of the installed plugins, driven as a cell drives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from benchmarks.noise import CLASSES, noise
from harness import Problem, TaskSpec, TorchMethod
from harness.data.store.prepared import open_store
from harness.discovery.registry import Plugins
from harness.protocol import Protocol, effective, resolve_precision
from harness.runtime.resolve import resolve
from harness.training.batches import load_part
from harness.training.clock import Clock
from harness.training.fit.checkpoint import Checkpoints
from harness.training.fit.runner import Outputs, Parts, Setting
from harness.training.fit.torch_runner import TorchRunner
from harness.training.frozen.placement import Sharing

TRAINED = (
    "supervised/convnext_base",
    "ssl/dinov2_base@full",
    "segmentation/unet",
    "multitask/unet_multitask",
)
"""One method per family that trains."""
SOURCE_SIZE = 256
"""Pixels per side of pictures before they are prepared, and of the grid that masks end on."""
VALIDATION = 2
"""Images; an epoch ends with a validation, which is not what is timed here."""


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A method whose network has been built, and the images that it learns from."""

    runner: TorchRunner
    parts: Parts
    batch_size: int

    def epoch(self) -> None:
        """Train for one epoch, from the weights that the one before has left."""
        self.runner.fit(self.parts, lambda outputs: {"primary": 0.0})

    def predict(self) -> Outputs:
        """What the method says of the images that it learns from; it has trained before."""
        return self.runner.predict(self.parts.train)


@dataclass(kw_only=True)
class Workshop:
    """Makes trainees: under one protocol, on one device."""

    plugins: Plugins
    protocol: Protocol
    device: str
    folder: Path

    def __post_init__(self) -> None:
        self._numbers = count()
        if self.device.startswith("cuda"):
            torch.backends.cudnn.benchmark = True

    def trainee(
        self,
        method: str,
        *,
        steps: int,
        files: Mapping[str, Path] | None = None,
        activations: Path | None = None,
    ) -> Trainee:
        """A method by its full id.

        Args:
            method: e.g. ``ssl/dinov2_base@full``.
            steps: batches in its training part.
            files: of its weights card; random weights without.
            activations: folder for those of frozen layers, which are otherwise computed per batch.
        """
        spec = self.plugins.methods[method].spec
        task = self.plugins.tasks[spec.task].spec
        protocol = effective(self.protocol, method, spec.protocol)
        problem = Problem.of_task(
            task, CLASSES, image_size=protocol.image_size, seed=0, weights_files=files
        )
        arguments: dict[str, Any] = {**spec.params, **(spec.tiny if protocol.tiny else {})}
        network: TorchMethod = resolve(spec.factory)(problem, **arguments)
        folder = self.folder / str(next(self._numbers))
        with patch("harness.training.fit.torch_runner.Checkpoints", Forgetful):
            runner = TorchRunner(network, self._setting(problem, protocol, folder, activations))
        torch.manual_seed(0)
        runner.build()
        parts = self._parts(network, steps * protocol.batch_size, task)
        return Trainee(runner=runner, parts=parts, batch_size=protocol.batch_size)

    def _setting(
        self, problem: Problem, protocol: Protocol, folder: Path, activations: Path | None
    ) -> Setting:
        return Setting(
            problem=problem,
            protocol=protocol,
            device=self.device,
            threads=torch.get_num_threads(),
            precision=resolve_precision("auto", self.device.partition(":")[0]),
            seed=0,
            directory=folder,
            clock=Clock(),
            report=lambda line: None,
            mask_grid=SOURCE_SIZE,
            sharing=_sharing(activations or folder, keep=activations is not None),
        )

    def _parts(self, method: TorchMethod, train: int, task: TaskSpec) -> Parts:
        dataset = noise(train + VALIDATION, SOURCE_SIZE)
        store = open_store(
            dataset,
            size=method.input.size,
            interpolation=method.input.interpolation,
            cache=self.folder / "cache",
        )
        masks = any(target.kind == "binary-mask" for target in task.targets)
        rows = np.arange(train + VALIDATION)
        every, first, last = (
            load_part(store, dataset.samples, part, masks=masks)
            for part in (rows, rows[:train], rows[train:])
        )
        return Parts(train=first, val=last, every=every)


def _sharing(folder: Path, *, keep: bool) -> Sharing:
    budget = None if keep else 0
    return Sharing(cache=folder, facts={}, disk_budget=budget, memory_budget=budget)


class Forgetful(Checkpoints):
    """Keeps nothing: writing would take longer than so short a training, and a second epoch would
    be found done already."""

    def save(self, *state: Any, best: bool) -> None: ...

    def load_last(self, module: nn.Module, device: torch.device) -> None: ...

    def load_best_so_far(self, module: nn.Module, device: torch.device) -> None: ...
