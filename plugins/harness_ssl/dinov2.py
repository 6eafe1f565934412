"""DINOv2: a plain vision transformer with absolute positions, read at its class token."""

from __future__ import annotations

from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from harness_ssl.strategies import DEPTH

MASK_TOKEN = "mask_token"
"""Stood for hidden patches during pretraining; the authors' file has it, timm's has not."""


def build(
    *, size: int, patch: int, width: int, heads: int, layer_scale: float
) -> VisionTransformer:
    """With the names of timm's ``vit_base_patch14_dinov2``."""
    return VisionTransformer(
        img_size=size,
        patch_size=patch,
        embed_dim=width,
        depth=DEPTH,
        num_heads=heads,
        init_values=layer_scale,
        num_classes=0,
    )


def adapted(state: dict[str, Tensor], encoder: VisionTransformer) -> dict[str, Tensor]:
    """The state without the mask token, its positions interpolated to the encoder's grid."""
    state = {name: value for name, value in state.items() if name != MASK_TOKEN}
    if "pos_embed" in state:
        state["pos_embed"] = resample_abs_pos_embed(
            state["pos_embed"],
            list(encoder.patch_embed.grid_size),
            num_prefix_tokens=encoder.num_prefix_tokens,
        )
    return state
