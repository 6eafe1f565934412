"""ResNeXt: a residual network whose 3 x 3 convolutions work in groups of channels."""

from __future__ import annotations

from collections.abc import Sequence

from torchvision.models.resnet import Bottleneck, ResNet

from harness_supervised.batch_norm import set_momentum


def build(
    *,
    depths: Sequence[int],
    groups: int,
    group_width: int,
    expansion: int,
    batch_norm_momentum: float,
) -> ResNet:
    """``depths[i]`` blocks in stage i, of four; ``64 * expansion * 2**i`` channels come out of it.

    Args:
        depths: blocks of each stage.
        groups: of channels in the 3 x 3 convolutions.
        group_width: channels per group in the first stage; doubled from stage to stage.
        expansion: channels of a block's output over 64, in the first stage. Every published
            network has 4; torchvision keeps it in the block's class.
        batch_norm_momentum: a batch's weight in the running statistics.
    """
    block = type("Bottleneck", (Bottleneck,), {"expansion": expansion})
    network = ResNet(block, list(depths), groups=groups, width_per_group=group_width)
    set_momentum(network, batch_norm_momentum)
    return network
