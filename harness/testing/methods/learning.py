"""A method learns what is plain to see."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from harness.specs import TargetSpec
from harness.testing.checks.check import BrokenPromiseError, NotCheckedError
from harness.testing.methods.pictures import BATCH, rows_of
from harness.testing.methods.steps import steps_of, training_of, trains, whole
from harness.testing.methods.subject import Subject, built, first_batch
from harness.training.fit.loop import Training
from harness.training.fit.runner import Parts
from harness.training.method import Batch, Stage, TorchMethod

REMAINS = 0.1
"""Share of the first negative log-likelihood that may be left."""
LEARNING_RATES = (3e-3, 1e-2, 1e-3)
"""Each is tried from the first weights until one succeeds: which suits a network on one batch has
little to do with the one for a long training."""
STEPS = 160
"""Steps of each stage at each rate."""
EVERY = 10
"""Steps between two looks at the predictions."""


def learns(subject: Subject) -> None:
    method, module = subject.network()
    stages = [stage for stage in method.stages if trains(module, stage)]
    if not stages:
        raise NotCheckedError("no stage trains anything, as the method declares")
    parts = subject.parts(method)
    one = rows_of(parts.train, slice(0, BATCH))
    only = Parts(train=one, val=parts.val, every=parts.every)
    batch = first_batch(method, one)
    first = _surprise(method, module, batch)
    found = []
    for rate in LEARNING_RATES:
        protocol = replace(subject.protocol, learning_rate=rate)
        with training_of(whole(method), built(method), only, protocol) as training:
            found += [_lowest(training, stage, batch, first * REMAINS) for stage in stages]
        if min(found) <= first * REMAINS:
            return
    raise BrokenPromiseError(
        f"after {STEPS} steps of each stage on one batch of {BATCH} images the negative "
        f"log-likelihood is {min(found):.3g}, {min(found) / first:.0%} of the {first:.3g} before, "
        "whatever the learning rate"
    )


def _lowest(training: Training, stage: Stage, batch: Batch, goal: float) -> float:
    """The lowest negative log-likelihood that the stage reaches, at the goal at the latest."""
    torch.manual_seed(0)
    take = steps_of(training, stage)
    lowest = math.inf
    for step in range(1, STEPS + 1):
        take()
        if step % EVERY == 0:
            lowest = min(lowest, _surprise(training.method, training.module, batch))
            if lowest <= goal:
                break
    return lowest


@torch.no_grad()
def _surprise(method: TorchMethod, module: nn.Module, batch: Batch) -> float:
    """Mean negative log-likelihood of the batch's labels and mask pixels, in eval mode; summed over
    the targets. Unlike the method's own loss, it is 0 where all is learned."""
    module.eval()
    outputs = method.forward(module, batch.images.clone())
    targets = method.problem.targets
    return sum(
        float(_of_target(target, outputs[name].float(), batch.targets[name], batch.present[name]))
        for name, target in targets.items()
    )


def _of_target(target: TargetSpec, logits: Tensor, truth: Tensor, present: Tensor | None) -> Tensor:
    if present is not None:
        logits, truth = logits[present], truth[present]
    if target.kind == "classes":
        return nn.functional.cross_entropy(logits, truth)
    if logits.shape != truth.shape:
        logits = nn.functional.interpolate(logits, truth.shape[-2:], mode="bilinear")
    return nn.functional.binary_cross_entropy_with_logits(logits, truth)
