"""EfficientNetV2: inverted bottlenecks, fused ones in the first stages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import nn
from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig

from harness_supervised.batch_norm import set_momentum

KERNEL = 3


def build(
    *,
    stem: int,
    widths: Sequence[int],
    depths: Sequence[int],
    strides: Sequence[int],
    expansions: Sequence[int],
    fused: int,
    features: int,
    dropout: float,
    stochastic_depth: float,
    batch_norm_momentum: float,
) -> EfficientNet:
    """``depths[i]`` blocks of ``widths[i]`` channels, a multiple of 8, in stage i.

    Args:
        stem: channels of the first convolution.
        widths: channels of each stage's output.
        depths: blocks of each stage.
        strides: of each stage's first block, 1 or 2.
        expansions: factor of channels within the blocks of each stage.
        fused: so many stages have fused blocks; those behind have depthwise convolutions.
        features: channels of the last convolution.
        dropout: share of features dropped before the last linear layer.
        stochastic_depth: share of samples that skip the last block; it rises from 0 at the first.
        batch_norm_momentum: a batch's weight in the running statistics.
    """
    inputs = [stem, *widths[:-1]]
    stages = [
        (FusedMBConvConfig if i < fused else MBConvConfig)(expansion, KERNEL, stride, *channels)
        for i, (expansion, stride, *channels) in enumerate(
            zip(expansions, strides, inputs, widths, depths, strict=True)
        )
    ]
    network = EfficientNet(
        stages,
        dropout=dropout,
        stochastic_depth_prob=stochastic_depth,
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
        last_channel=features,
    )
    set_momentum(network, batch_norm_momentum)
    return network
