"""The losses of a task, on a few made-up logits."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.runtime.resolve import resolve
from harness.specs import TargetSpec, TaskSpec
from harness.testing.checks.check import BrokenPromiseError

CLASSES = 3
SIDE = 16
COUNTS = (8, 1)
"""Samples of a batch."""


def losses(spec: TaskSpec) -> None:
    for target in spec.targets:
        for count in COUNTS:
            _check(target, count)


def _check(target: TargetSpec, count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    truth: Tensor
    if target.kind == "classes":
        logits = torch.randn(count, len(target.names) or CLASSES, generator=generator)
        truth = torch.arange(count) % logits.shape[1]
    else:
        logits = torch.randn(count, 1, SIDE, SIDE, generator=generator)
        truth = (torch.rand(count, 1, SIDE, SIDE, generator=generator) < 0.5).float()
    logits.requires_grad_()
    value = resolve(target.loss)(logits, truth)
    what = f"{target.loss} of {count} samples"
    if not isinstance(value, Tensor) or value.dim():
        shape = f" of shape {list(value.shape)}" if isinstance(value, Tensor) else ""
        raise BrokenPromiseError(f"{what} returned a {type(value).__name__}{shape}")
    if not value.is_floating_point() or not bool(value.isfinite()):
        raise BrokenPromiseError(f"{what} returned {value.item()} of type {value.dtype}")
    if not value.requires_grad:
        raise BrokenPromiseError(f"{what} returned a tensor without a gradient")
    (gradient,) = torch.autograd.grad(value, logits)
    if not bool(gradient.isfinite().all()) or not bool(gradient.any()):
        raise BrokenPromiseError(f"{what} has a gradient that is zero or not finite")
