"""The harness's own way: the training of a cell on a prepared store, as ``harness run`` drives it.

Everything that a cell does while it trains is in it: the clock, the history, the metrics of every
epoch, both checkpoints, and the return to the best epoch's weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.peers.peer import Training
from benchmarks.peers.workload import SEED, State, Workload
from harness import HarnessError, MetricSpec, Problem, TaskSpec, TorchMethod
from harness.cell.validation import validation_metrics
from harness.discovery.registry import discover
from harness.results.prediction_file import PredictionFile
from harness.results.rundir import CellDirectory
from harness.training.batches import Part, union
from harness.training.clock import Clock
from harness.training.fit.checkpoint import Checkpoints
from harness.training.fit.runner import Outputs, Parts, Setting
from harness.training.fit.torch_runner import TorchRunner
from harness.training.frozen.placement import Sharing

CPU = torch.device("cpu")
TRAINING = frozenset({"frozen_prefix", "train", "validate", "checkpoint"})
"""The buckets of the clock that training fills."""


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What the installed plugins say of classification, asked once for all repetitions."""

    task: TaskSpec
    metrics: tuple[MetricSpec, ...]


def offers() -> Offers:
    plugins = discover()
    return Offers(
        task=plugins.tasks["classification"].spec,
        metrics=tuple(entry.spec for entry in plugins.metrics.values()),
    )


class SameNetwork(TorchMethod):
    """A plugin's method around the network that all peers train."""

    def __init__(self, problem: Problem, workload: Workload) -> None:
        super().__init__(problem)
        self._workload = workload

    def build(self) -> nn.Module:
        return self._workload.initial()

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module(images)}


def problem(workload: Workload, task: TaskSpec) -> Problem:
    """What a method is told of the workload."""
    return Problem.of_task(
        task, workload.samples.classes, image_size=workload.settings.image_size, seed=SEED
    )


def prepare(workload: Workload, folder: Path) -> Training:
    offered = offers()
    method = SameNetwork(problem(workload, offered.task), workload)
    return train(method, workload, folder, offered)


def train(method: TorchMethod, workload: Workload, folder: Path, offered: Offers) -> Training:
    """Sets up any method of the harness, which need not train the workload's own network."""
    runner, clock = build(method, workload, folder)
    parts = data(workload)

    def score(outputs: Outputs) -> dict[str, float]:
        file = _predictions(outputs, parts.val, workload.samples.classes)
        return validation_metrics(file, offered.metrics, offered.task.primary, _no_masks)

    return Training(
        run=lambda: runner.fit(parts, score),
        weights=lambda: _last_weights(folder, runner),
        account=lambda: _shares(clock),
    )


def build(method: TorchMethod, workload: Workload, folder: Path) -> tuple[TorchRunner, Clock]:
    """A runner whose network is there, and its clock."""
    cell, clock = CellDirectory(folder), Clock()
    runner = TorchRunner(
        method,
        Setting(
            problem=method.problem,
            protocol=workload.settings,
            device=CPU.type,
            threads=torch.get_num_threads(),
            precision="fp32",
            seed=SEED,
            directory=folder,
            clock=clock,
            report=cell.append_history,
            mask_grid=None,
            # A folder of its own: activations are made anew in every round.
            sharing=Sharing(cache=folder / "cache", facts={}),
            keep_checkpoints="all",
        ),
    )
    runner.build()
    return runner, clock


def data(workload: Workload) -> Parts:
    train, val = workload.part(workload.train_rows), workload.part(workload.val_rows)
    return Parts(train=train, val=val, every=union([train, val]))


def _shares(clock: Clock) -> str:
    """Of the training's time, by what it was spent on."""
    spent = {name: seconds for name, seconds in clock.read().items() if name in TRAINING}
    total = sum(spent.values())
    return ", ".join(f"{name} {seconds / total:.1%}" for name, seconds in spent.items() if seconds)


def _predictions(outputs: Outputs, part: Part, classes: tuple[str, ...]) -> PredictionFile:
    return PredictionFile(
        ids=part.ids,
        labels=part.labels,
        classes=classes,
        groups=None,
        sources=None,
        probabilities=outputs.probabilities,
        mask_bits=None,
        mask_grid=None,
        has_mask=None,
    )


def _no_masks(ids: tuple[str, ...]) -> torch.Tensor:
    raise HarnessError("classification reads no reference mask")


def _last_weights(folder: Path, runner: TorchRunner) -> State:
    """Of the last epoch, as the peers'; the runner goes back to those of the best one."""
    runner.finish()
    network = deepcopy(runner.network()[1])
    saved = Checkpoints(folder / "checkpoint").load_last(network, CPU)
    assert saved is not None, "every epoch leaves a checkpoint"
    return network.state_dict()
