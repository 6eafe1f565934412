"""Logits to probabilities, and to what a prediction file holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.specs import TargetSpec
from harness.tasks.losses import activate
from harness.training.fit.runner import Outputs
from harness.training.fit.soft_dice import SoftOverlap
from harness.training.promises.contract import ContractError, check_outputs

THRESHOLD = 0.5
"""Probability above which a pixel is of the mask."""


def collect(
    outputs: Iterable[Mapping[str, Tensor]],
    targets: Mapping[str, TargetSpec],
    mask_grid: int | None,
    soft: SoftOverlap | None = None,
) -> Outputs:
    """The predictions of a part, from the logits of one batch after the other; see
    :func:`gathered`."""
    return gathered((as_probabilities(o, targets) for o in outputs), targets, mask_grid, soft)


@torch.inference_mode()
def gathered(
    predicted: Iterable[Mapping[str, Tensor]],
    targets: Mapping[str, TargetSpec],
    mask_grid: int | None,
    soft: SoftOverlap | None = None,
) -> Outputs:
    """The predictions of a part, from the probabilities of one batch after the other.

    Args:
        predicted: probabilities per target, [B, C] of classes and [B, H, W] of a mask, on any
            device; computed without gradients where this is a generator.
        targets: what is predicted.
        mask_grid: pixels per side of the grid that masks end on; None where there are none.
        soft: takes the sums of the masks' probabilities; None where there is no reference.
    """
    probabilities: list[NDArray[np.float32]] = []
    bits: list[NDArray[np.uint8]] = []
    for batch in predicted:
        for name, target in targets.items():
            if target.kind == "classes":
                # A copy: a method may write its next predictions into the same array.
                probabilities.append(batch[name].cpu().numpy().copy())
            else:
                assert mask_grid is not None
                bits.append(pack_on_grid(batch[name], mask_grid))
                if soft is not None:
                    soft.add(batch[name])
    return Outputs(
        probabilities=np.concatenate(probabilities) if probabilities else None,
        mask_bits=np.concatenate(bits) if bits else None,
        mask_sums=soft.sums() if bits and soft is not None else None,
    )


def as_probabilities(
    outputs: Mapping[str, Tensor], targets: Mapping[str, TargetSpec]
) -> dict[str, Tensor]:
    """The logits of one batch as probabilities, per target: [B, C] of classes, [B, H, W] of a
    mask; ContractError where they are not logits."""
    found = {}
    for name, target in targets.items():
        values = _activated(name, target, outputs)
        found[name] = values if target.kind == "classes" else values.squeeze(1)
    return found


def _activated(name: str, target: TargetSpec, outputs: Mapping[str, Tensor]) -> Tensor:
    """Probabilities of one target; ContractError where they are not logits."""
    known = isinstance(outputs, Mapping) and name in outputs
    check_outputs(outputs, {name: target}, len(outputs[name]) if known else 0)
    if not outputs[name].isfinite().all():
        raise ContractError(f"forward() returned {name!r} with logits that are not finite")
    return activate(target, outputs[name])


def pack_on_grid(probabilities: Tensor, grid: int) -> NDArray[np.uint8]:
    """Probabilities [B, H, W] -> packed masks [B, ceil(grid * grid / 8)].

    The probability map is resized (bilinear, antialiased where it shrinks) and then thresholded, so
    the outline is not bound to the pixels of the network's output.
    """
    return np.packbits(at_size(probabilities, grid, grid).flatten(1).cpu().numpy(), axis=1)


def at_size(probabilities: Tensor, height: int, width: int) -> Tensor:
    """Probabilities [B, H, W] -> masks bool [B, height, width], resized before the threshold."""
    maps = probabilities.unsqueeze(1).float()
    if maps.shape[-2:] != (height, width):
        maps = F.interpolate(
            maps, size=(height, width), mode="bilinear", align_corners=False, antialias=True
        )
    return maps.squeeze(1) > THRESHOLD
