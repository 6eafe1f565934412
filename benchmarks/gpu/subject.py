"""A method driven as a cell drives it, but for the waiting: steps are not waited for one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.gpu.blocks import Step
from harness import HarnessError, Stage, TorchMethod
from harness.training.batches import Batches, Part, in_order
from harness.training.fit.loop import Training, epoch_steps, stepper
from harness.training.fit.runner import Parts, Setting
from harness.training.fit.stage_inputs import Logits
from harness.training.fit.step import Chunk, Stepper
from harness.training.fit.torch_runner import TorchRunner
from harness.training.frozen.freeze import set_train_mode, trainable_names
from harness.training.method import Batch

Take = Callable[[Chunk], Batch]


@dataclass(frozen=True, kw_only=True)
class Running:
    """A training that has been set up, and can take its steps."""

    training: Training
    stepper: Stepper
    stage: Stage
    preparing_seconds: float
    """What setting up took; activations of frozen layers, where there are any, are in it."""

    def steps(self, take: Take | None = None) -> Step:
        """Takes a step of training at every call, epoch after epoch.

        Args:
            take: makes a chunk's batch; the stepper's own way without.
        """
        set_train_mode(self.training.module)
        coming = self._steps(take or self.stepper.batch)
        return lambda: next(coming)

    def _steps(self, take: Take) -> Iterator[None]:
        for epoch in count():
            steps = epoch_steps(self.training, epoch)
            self.stepper.inputs.announce([chunk for step in steps for chunk in step])
            for step in steps:
                self.stepper(step, take)
                yield

    def few(self, images: int) -> None:
        """One step on so few images."""
        set_train_mode(self.training.module)
        self.stepper([(torch.arange(images), None)], self.stepper.batch)


class Subject(TorchRunner):
    """A runner whose network has been built on its device."""

    def __init__(self, method: TorchMethod, setting: Setting) -> None:
        super().__init__(method, setting)
        self.method = method
        self.setting = setting
        self.stage: Stage | None = None
        """The last that trains anything."""

    @property
    def module(self) -> nn.Module:
        return self._module

    @property
    def channels_last(self) -> bool:
        return self._channels_last

    def build(self) -> None:
        """Build; whatever can be made on the device at once is: it is not what is timed."""
        if self.setting.problem.weights == "random":
            with self._device:
                super().build()
        else:
            super().build()
        trained = [stage for stage in self.method.stages if trainable_names(self._module, stage)]
        self.stage = trained[-1] if trained else None

    @property
    def frozen(self) -> bool:
        """Whether training runs on activations of frozen layers."""
        return self.stage is not None and self.method.split(self._module, self.stage) is not None

    def facts(self) -> dict[str, Any]:
        """Size and form of the network and its inputs; parameters train in the last stage."""
        return {
            "input_size": self.input.size,
            "batch_size": self.setting.protocol.batch_size,
            "precision": self.setting.precision,
            "channels_last": self._channels_last,
            "parameters_total": sum(p.numel() for p in self._module.parameters()),
            "parameters_trainable": 0 if self.stage is None else self._trained_parameters(),
        }

    def names(self) -> set[str]:
        """Names of the parameters that train in the last stage."""
        assert self.stage is not None
        return trainable_names(self._module, self.stage)

    def _trained_parameters(self) -> int:
        named, trained = self._module.named_parameters(), self.names()
        return sum(parameter.numel() for name, parameter in named if name in trained)

    def training(self, part: Part) -> Running:
        """The last stage that trains, set up on a part.

        Raises:
            HarnessError: the method trains nothing.
        """
        if self.stage is None:
            raise HarnessError("a method that trains nothing has no training step")
        started = time.perf_counter()
        training = self._training(Parts(train=part, val=part, every=part), _never)
        made = stepper(training, self.stage)
        assert made is not None
        return Running(
            training=training,
            stepper=made,
            stage=self.stage,
            preparing_seconds=time.perf_counter() - started,
        )

    def predicting(self, part: Part) -> Step:
        """Makes a batch of stored images and gives their logits at every call."""
        batches = self._batches(part)
        coming = cycle(full_batches(part, self._batch_size))
        self._module.eval()

        def step() -> None:
            with torch.inference_mode():
                self._logits(batches.images(next(coming)))

        return step

    def batches(self, part: Part) -> Batches:
        return self._batches(part)

    def autocast(self) -> Any:
        """The precision of a forward pass."""
        return self._autocast()


def full_batches(part: Part, size: int) -> list[Tensor]:
    """Rows of the part in order, without an incomplete last batch where there is another."""
    rows = list(in_order(len(part), size))
    return rows[:-1] if len(rows) > 1 and len(rows[-1]) < size else rows


def _never(_: Logits) -> dict[str, float]:
    raise AssertionError("nothing is validated here")
