"""A self-supervised vision transformer of timm with a linear head on its pooled output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

import harness
from harness_ssl import DINOV2_BASE
from harness_ssl.strategies import ENCODER, STRATEGIES, stage

DEPTH = 12
"""Blocks of every encoder here, small ones too, so that a strategy freezes the same share."""


class Network(nn.Module):
    """An encoder [B, 3, H, W] -> [B, D] and a linear layer [B, D] -> [B, C]."""

    def __init__(self, encoder: VisionTransformer, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.num_features, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.encoder(images))


class FirstBlocks(nn.Module):
    """The encoder up to a block: images [B, 3, H, W] -> tokens [B, T, D].

    It shares the encoder's parameters and holds no other, so that a check of what is frozen sees
    the prefix and nothing behind it.
    """

    def __init__(self, encoder: VisionTransformer, blocks: int) -> None:
        super().__init__()
        assert encoder.cls_token is not None
        assert encoder.pos_embed is not None
        self.patch_embed = encoder.patch_embed
        self.cls_token = encoder.cls_token
        self.pos_embed = encoder.pos_embed
        self.norm_pre = encoder.norm_pre
        self.blocks = nn.ModuleList(encoder.blocks[:blocks])

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed(images)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        tokens = self.norm_pre(tokens + self.pos_embed)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class Classifier(harness.TorchMethod):
    """An encoder fine-tuned by one of :data:`harness_ssl.strategies.STRATEGIES`.

    Args:
        problem: what to predict.
        strategy: name of the strategy.
        patch: pixels per side of a patch; images are resized to a multiple of it.
        width: features per token.
        heads: attention heads per block.
        layer_scale: initial value of every block's layer scale.
        probe_lr_scale: factor of the learning rate in a stage that trains the head alone before
            another stage trains the rest.
    """

    def __init__(
        self,
        problem: harness.Problem,
        *,
        strategy: str,
        patch: int,
        width: int,
        heads: int,
        layer_scale: float,
        probe_lr_scale: float,
    ) -> None:
        super().__init__(problem)
        if strategy not in STRATEGIES:
            raise harness.HarnessError(
                f"no strategy {strategy!r}; strategies: {', '.join(STRATEGIES)}"
            )
        self._phases = {phase.name: phase for phase in STRATEGIES[strategy]}
        self.stages = [stage(phase, probe_lr_scale) for phase in self._phases.values()]
        self._patch, self._width, self._heads = patch, width, heads
        self._layer_scale = layer_scale

    @property
    def input(self) -> harness.InputSpec:
        """The weights' preprocessing, at the multiple of the patch nearest to the protocol's
        size."""
        return harness.InputSpec(
            size=max(1, round(self.problem.image_size / self._patch)) * self._patch,
            mean=DINOV2_BASE.mean,
            std=DINOV2_BASE.std,
            interpolation=DINOV2_BASE.interpolation,
        )

    def build(self) -> nn.Module:
        encoder = VisionTransformer(
            img_size=self.input.size,
            patch_size=self._patch,
            embed_dim=self._width,
            depth=DEPTH,
            num_heads=self._heads,
            init_values=self._layer_scale,
            num_classes=0,
        )
        if self.problem.weights == "pretrained":
            (path,) = self.problem.weights_files.values()
            harness.load_checkpoint(encoder, path, lambda state: interpolated(state, encoder))
        return Network(encoder, len(self.problem.classes))

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module(images)}

    def split(
        self, module: nn.Module, stage: harness.Stage
    ) -> tuple[nn.Module, Callable[..., Any]] | None:
        assert isinstance(module, Network)
        encoder, head = module.encoder, module.head
        boundary = self._phases[stage.name].frozen_blocks
        if boundary == 0:
            return None
        if boundary == ENCODER:
            return encoder, lambda features: {"label": head(features)}

        def suffix(tokens: Tensor) -> Mapping[str, Tensor]:
            for block in encoder.blocks[boundary:]:
                tokens = block(tokens)
            return {"label": head(encoder.forward_head(encoder.norm(tokens)))}

        return FirstBlocks(encoder, boundary), suffix


def interpolated(state: dict[str, Tensor], encoder: VisionTransformer) -> dict[str, Tensor]:
    """The state with positions interpolated to the encoder's grid of patches."""
    positions = resample_abs_pos_embed(
        state["pos_embed"],
        list(encoder.patch_embed.grid_size),
        num_prefix_tokens=encoder.num_prefix_tokens,
    )
    return {**state, "pos_embed": positions}
