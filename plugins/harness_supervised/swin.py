"""Swin: attention within windows that are shifted from block to block."""

from __future__ import annotations

from collections.abc import Sequence

from torchvision.models.swin_transformer import SwinTransformer


def build(
    *,
    width: int,
    depths: Sequence[int],
    heads: Sequence[int],
    window: int,
    stochastic_depth: float,
) -> SwinTransformer:
    """``depths[i]`` blocks of ``heads[i]`` heads in stage i, which has ``width * 2**i`` channels.

    A patch is 4 pixels wide and a window ``window`` patches; images of any size are padded to whole
    windows.
    """
    return SwinTransformer(
        patch_size=[4, 4],
        embed_dim=width,
        depths=list(depths),
        num_heads=list(heads),
        window_size=[window, window],
        stochastic_depth_prob=stochastic_depth,
    )
