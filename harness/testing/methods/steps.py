"""Training steps of a method, taken by what takes them in a cell, outside of its loop."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from torch import nn

from harness.protocol import Protocol
from harness.testing.methods.subject import CPU, Subject, built
from harness.training.batches import Batches
from harness.training.clock import Clock
from harness.training.fit.checkpoint import Checkpoints
from harness.training.fit.loop import Training, epoch_steps, stepper
from harness.training.fit.runner import Parts
from harness.training.fit.stage_inputs import Views
from harness.training.frozen.freeze import set_train_mode, trainable_names
from harness.training.frozen.placement import Sharing
from harness.training.memory_format import channels_last
from harness.training.method import Stage, TorchMethod
from harness.training.rows import Budget


@contextmanager
def training_of(
    method: TorchMethod, module: nn.Module, parts: Parts, protocol: Protocol
) -> Iterator[Training]:
    """A training of the method on a CPU, with a folder for as long as it is open."""
    with tempfile.TemporaryDirectory(prefix="harness-check-") as folder:
        clock = Clock()
        layout = channels_last(method, protocol, CPU.type, "fp32")
        if layout:
            module.to(memory_format=torch.channels_last)
        views = Views(
            method=method,
            module=module,
            images=parts.every,
            channels_last=layout,
            protocol=protocol,
            autocast=nullcontext,
            budget=Budget(CPU, 0),
            clock=clock,
            sharing=Sharing(cache=Path(folder) / "cache", facts={}),
        )
        targets = method.problem.targets
        yield Training(
            method=method,
            module=module,
            protocol=protocol,
            train=Batches(parts.train, method.input, targets, Budget(CPU, 0), channels_last=layout),
            val=Batches(parts.val, method.input, targets, Budget(CPU, 0), channels_last=layout),
            validate=lambda logits: {},
            checkpoints=Checkpoints(Path(folder) / "checkpoint"),
            clock=clock,
            report=lambda line: None,
            seed=method.problem.seed,
            device=CPU,
            precision="fp32",
            views=views,
        )


def whole(method: TorchMethod) -> TorchMethod:
    """The method without its frozen boundary: what it promises of that is another check's."""
    method.split = lambda module, stage: None  # type: ignore[method-assign]
    return method


def trains(module: nn.Module, stage: Stage) -> bool:
    """Whether the stage trains anything."""
    return bool(trainable_names(module, stage))


def steps_of(training: Training, stage: Stage) -> Callable[[], float]:
    """A function that takes the stage's next step, over the training part again and again, and
    returns its loss."""
    taker = stepper(training, stage)
    assert taker is not None, "the stage trains something"
    coming: list[object] = []

    def take() -> float:
        if not coming:
            coming.extend(epoch_steps(training, 0))
        set_train_mode(training.module)
        step = coming.pop(0)
        return float(taker(step, taker.batch))  # type: ignore[arg-type]

    return take


def take_steps(subject: Subject, method: TorchMethod, count: int) -> nn.Module:
    """The network after so many steps of every stage that trains, in eval mode."""
    module = built(method)
    parts = subject.parts(method, method.problem)
    with training_of(whole(method), module, parts, subject.protocol) as training:
        torch.manual_seed(0)
        for stage in method.stages:
            if trains(module, stage):
                take = steps_of(training, stage)
                for _ in range(count):
                    take()
    return module.eval()
