"""ConvNeXt: depthwise convolutions in blocks shaped like those of a transformer."""

from __future__ import annotations

from collections.abc import Sequence

from torchvision.models.convnext import CNBlockConfig, ConvNeXt


def build(
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    stochastic_depth: float,
    layer_scale: float,
) -> ConvNeXt:
    """``depths[i]`` blocks of ``widths[i]`` channels in stage i."""
    following = [*widths[1:], None]
    stages = [
        CNBlockConfig(width, following_width, depth)
        for width, following_width, depth in zip(widths, following, depths, strict=True)
    ]
    return ConvNeXt(stages, stochastic_depth_prob=stochastic_depth, layer_scale=layer_scale)
