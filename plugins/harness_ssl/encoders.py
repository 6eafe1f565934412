"""The families of encoders: how each is built and loaded, and where both are cut in two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from timm.models.beit import Beit
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

import harness
from harness_ssl import beitv2, dinov2
from harness_ssl.cards import BEITV2_BASE, DINOV2_BASE

Encoder = VisionTransformer | Beit
"""Images [B, 3, H, W] -> features [B, D]."""

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Encoders of one architecture and one pretraining, in any size."""

    card: harness.WeightsCard
    """Its preprocessing is that of the whole family."""
    build: Callable[..., Encoder]
    """``build(size, patch, width, heads, layer_scale)``, all by name: pixels per side of an image
    and of a patch, features per token, heads and initial layer scale of a block."""
    adapt: Callable[[State, Any], State]
    """``adapt(state, encoder)``: a published state with the encoder's names and shapes."""


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "dinov2": Family(card=DINOV2_BASE, build=dinov2.build, adapt=dinov2.adapted),
        "beitv2": Family(card=BEITV2_BASE, build=beitv2.build, adapt=beitv2.adapted),
    }
)


class Embedding(nn.Module):
    """The encoder up to its first block: images [B, 3, H, W] -> tokens [B, 1 + patches, D]."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        assert encoder.cls_token is not None
        self.patch_embed = encoder.patch_embed
        self.cls_token = encoder.cls_token
        self.pos_embed = encoder.pos_embed
        """None where positions are a bias within each block."""

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed(images)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        return tokens if self.pos_embed is None else tokens + self.pos_embed


def first_blocks(encoder: Encoder, blocks: int) -> nn.Module:
    """Images [B, 3, H, W] -> tokens [B, T, D] behind the first ``blocks`` blocks.

    It shares the encoder's parameters and holds no other, so that a check of what is frozen sees
    the prefix and nothing behind it.
    """
    return nn.Sequential(Embedding(encoder), *encoder.blocks[:blocks])


def remaining_blocks(encoder: Encoder, blocks: int, tokens: Tensor) -> Tensor:
    """Features [B, D] from the tokens that ``first_blocks(encoder, blocks)`` returns."""
    for block in encoder.blocks[blocks:]:
        tokens = block(tokens)
    return encoder.forward_head(encoder.norm(tokens))
