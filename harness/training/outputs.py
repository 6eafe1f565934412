"""Logits to probabilities, and to what a prediction file holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.specs import TargetSpec
from harness.tasks.losses import activate
from harness.training.contract import ContractError, check_outputs
from harness.training.masks import pack_on_grid
from harness.training.runner import Outputs
from harness.training.soft import SoftOverlap


@torch.inference_mode()
def collect(
    outputs: Iterable[Mapping[str, Tensor]],
    targets: Mapping[str, TargetSpec],
    mask_grid: int | None,
    soft: SoftOverlap | None = None,
) -> Outputs:
    """The predictions of a part, from the logits of one batch after the other.

    Args:
        outputs: logits per target; computed without gradients where this is a generator.
        targets: what is predicted.
        mask_grid: pixels per side of the grid that masks end on; None where there are none.
        soft: takes the sums of the masks' probabilities; None where there is no reference.
    """
    probabilities: list[NDArray[np.float32]] = []
    bits: list[NDArray[np.uint8]] = []
    for batch in outputs:
        for name, target in targets.items():
            values = _activated(name, target, batch)
            if target.kind == "classes":
                probabilities.append(values.cpu().numpy())
            else:
                assert mask_grid is not None
                bits.append(pack_on_grid(values.squeeze(1), mask_grid))
                if soft is not None:
                    soft.add(values.squeeze(1))
    return Outputs(
        probabilities=np.concatenate(probabilities) if probabilities else None,
        mask_bits=np.concatenate(bits) if bits else None,
        mask_sums=soft.sums() if bits and soft is not None else None,
    )


def as_probabilities(
    outputs: Mapping[str, Tensor], targets: Mapping[str, TargetSpec]
) -> dict[str, NDArray[np.float32]]:
    """Of one batch, per target: [B, C] of classes, [B, H, W] of a mask."""
    found = {}
    for name, target in targets.items():
        values = _activated(name, target, outputs)
        found[name] = (values if target.kind == "classes" else values.squeeze(1)).cpu().numpy()
    return found


def _activated(name: str, target: TargetSpec, outputs: Mapping[str, Tensor]) -> Tensor:
    """Probabilities of one target; ContractError where the logits are none."""
    check_outputs(outputs, {name: target}, len(outputs[name]) if name in outputs else 0)
    if not outputs[name].isfinite().all():
        raise ContractError(f"forward() returned {name!r} with logits that are not finite")
    return activate(target, outputs[name])
