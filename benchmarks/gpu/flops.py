"""FLOPs of a training step, counted operator by operator; a multiplication and an addition are two.

torch (2.14 at least) counts the weight gradient of a grouped convolution once per group too often:
ConvNeXt's backward pass would come out eight times its forward pass. The formula here takes its
place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from benchmarks.gpu.subject import Running

IMAGES = 2
"""Counted together, as batch normalisation fails on one."""


def training_flops(running: Running) -> float:
    """Of the forward and backward pass of a step, per image; the optimiser's are not counted."""
    before = torch.backends.cudnn.benchmark
    # Nothing else runs on so few images: no algorithm has to be chosen for them.
    torch.backends.cudnn.benchmark = False
    try:
        with counter() as counted:
            running.few(IMAGES)
    finally:
        torch.backends.cudnn.benchmark = before
    return float(counted.get_total_flops()) / IMAGES


def counter() -> FlopCounterMode:
    """torch's counter, right about grouped convolutions."""
    return FlopCounterMode(
        display=False, custom_mapping={torch.ops.aten.convolution_backward: _convolution_backward}
    )


def _convolution_backward(
    gradient: Sequence[int],
    images: Sequence[int],
    weight: Sequence[int],
    bias_sizes: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    wanted: Sequence[bool],
    **_: Any,
) -> int:
    """The gradients of the images and of the weights each take what the forward pass takes: every
    product of it occurs in both. Arguments are shapes where the operator has tensors."""
    forward = conv_flop_count(list(images), list(weight), list(gradient), transposed=transposed)
    return forward * (int(wanted[0]) + int(wanted[1]))
