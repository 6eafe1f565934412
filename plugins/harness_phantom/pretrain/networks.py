"""The small networks, as something that learns from phantoms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness_ssl.encoders import FAMILIES as ENCODERS
from harness_supervised.families import FAMILIES as BACKBONES

EMBEDDING_SCALE = 4.0
"""Factor of an encoder's embeddings before training. Behind weak ones, the first steps of a full
fine-tuning with Adam change all tokens alike and drown the image."""


class Learner(nn.Module):
    """A network: images [B, 3, S, S] -> features [B, D], and tokens [B, side * side, D] or None."""

    width: int
    """D"""
    side: int
    """Patches per side of an image; 0 where the network has no tokens."""

    def shipped(self) -> Mapping[str, Tensor]:
        """Parameters and buffers under the names of the network's library."""
        raise NotImplementedError


class EncoderLearner(Learner):
    """An encoder of :mod:`harness_ssl`; hidden patches are replaced by a learned token."""

    def __init__(self, family: str, size: int, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.encoder = ENCODERS[family].build(size=size, **arguments)
        self.width, self.side = arguments["width"], size // arguments["patch"]
        self.mask_token = nn.Parameter(torch.zeros(self.width))
        with torch.no_grad():
            for name, value in self.encoder.named_parameters():
                if name.startswith(("patch_embed.", "cls_token", "pos_embed")):
                    value.mul_(EMBEDDING_SCALE)

    def forward(self, images: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor | None]:
        encoder = self.encoder
        assert encoder.cls_token is not None
        patches = encoder.patch_embed(images)
        if hidden is not None:
            patches = torch.where(hidden.flatten(1)[..., None], self.mask_token, patches)
        tokens = torch.cat([encoder.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        if encoder.pos_embed is not None:
            tokens = tokens + encoder.pos_embed
        for block in encoder.blocks:
            tokens = block(tokens)
        tokens = encoder.norm(tokens)
        return encoder.forward_head(tokens), tokens[:, 1:]

    def shipped(self) -> Mapping[str, Tensor]:
        return self.encoder.state_dict()


class BackboneLearner(Learner):
    """A network of :mod:`harness_supervised` up to its last linear layer."""

    side = 0

    def __init__(self, family: str, size: int, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        built = BACKBONES[family]
        positions = {"size": size} if built.positions else {}
        self.network = built.build(**arguments, **positions)
        head = self.network.get_submodule(built.head)
        assert isinstance(head, nn.Linear)
        self.width = head.in_features
        self.network.set_submodule(built.head, nn.Identity())

    def forward(self, images: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor | None]:
        features: Tensor = self.network(images)
        return features, None

    def shipped(self) -> Mapping[str, Tensor]:
        """Without the last layer, which every task replaces."""
        return dict(self.network.state_dict())
