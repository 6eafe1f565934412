"""ViT: a plain transformer on patches, with a learned position for each."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings


def build(
    *, size: int, patch: int, width: int, depth: int, heads: int, position_std: float
) -> VisionTransformer:
    """``depth`` blocks of ``heads`` heads on patches of ``width`` features.

    Args:
        size: pixels per side of an image, a multiple of ``patch``.
        patch: pixels per side of a patch.
        width: features per patch.
        depth: number of blocks.
        heads: attention heads per block.
        position_std: standard deviation of the positions before training, where a patch's own
            features have about 1.
    """
    network = VisionTransformer(
        image_size=size,
        patch_size=patch,
        num_layers=depth,
        num_heads=heads,
        hidden_dim=width,
        mlp_dim=4 * width,
    )
    nn.init.normal_(network.encoder.pos_embedding, std=position_std)
    # torchvision starts this layer at zero, where a ReLU behind it (the head of the study) passes
    # no gradient: from random weights nothing below would ever learn.
    nn.init.trunc_normal_(network.heads.head.weight, std=0.02)
    return network


def adapted(state: dict[str, Tensor], network: VisionTransformer) -> dict[str, Tensor]:
    """The state with its positions interpolated (bicubic) to the network's grid of patches."""
    fitted: dict[str, Tensor] = interpolate_embeddings(
        network.image_size, network.patch_size, OrderedDict(state)
    )
    return fitted
