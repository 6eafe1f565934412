"""Losses of the bundled tasks, in float32."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.specs import TargetSpec

DICE_SMOOTHING = 1.0
POOLED_SMOOTHING = 1e-5


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of logits [B, C] and class indices [B]."""
    return F.cross_entropy(logits, labels)


def bce_dice(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy plus soft Dice loss of logits and masks [B, 1, H, W].

    The Dice term is computed per image and averaged, so it does not depend on the batch size:
    1 - (2 |p m| + s) / (|p| + |m| + s) with s = 1 (Milletari et al. 2016, with plain sums).
    """
    probabilities = logits.sigmoid().flatten(1)
    flat = masks.flatten(1)
    overlap = (probabilities * flat).sum(1)
    total = probabilities.sum(1) + flat.sum(1)
    dice = (2 * overlap + DICE_SMOOTHING) / (total + DICE_SMOOTHING)
    return F.binary_cross_entropy_with_logits(logits, masks) + (1 - dice).mean()


def bce_pooled_dice(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy plus a soft Dice loss whose sums run over the whole batch.

    As :func:`bce_dice` with one ratio for all pixels of the batch and s = 1e-5, so that large masks
    weigh more, and the loss depends on the batch size: that of the forward pass, where a batch is
    divided into micro-batches.
    """
    probabilities = logits.sigmoid()
    overlap = (probabilities * masks).sum()
    total = probabilities.sum() + masks.sum()
    dice = (2 * overlap + POOLED_SMOOTHING) / (total + POOLED_SMOOTHING)
    return F.binary_cross_entropy_with_logits(logits, masks) + 1 - dice


def task_losses(
    targets: Mapping[str, TargetSpec],
    outputs: Mapping[str, Tensor],
    truths: Mapping[str, Tensor],
    presence: Mapping[str, Tensor | None],
) -> dict[str, Tensor]:
    """Weighted loss of every target over the samples that have it.

    Args:
        outputs: logits by target.
        truths: reference labels [B] or masks [B, 1, H, W] by target.
        presence: which samples have the target [B], or None where all have it.

    A target that no sample of the batch has contributes a zero that keeps the graph whole.
    """
    losses: dict[str, Tensor] = {}
    for name, target in targets.items():
        module, _, function = target.loss.partition(":")
        loss = getattr(importlib.import_module(module), function)
        logits, truth, present = outputs[name].float(), truths[name], presence[name]
        if present is not None:
            logits, truth = logits[present], truth[present]
        losses[name] = target.weight * loss(logits, truth) if len(truth) else logits.sum()
    return losses


def activate(target: TargetSpec, logits: Tensor) -> Tensor:
    """Probabilities of logits: softmax over the second axis, or sigmoid."""
    if target.activation == "softmax":
        return torch.softmax(logits.float(), dim=1)
    return torch.sigmoid(logits.float())
