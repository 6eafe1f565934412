"""A self-supervised encoder with a linear head on its features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import Tensor, nn

import harness
from harness_ssl.encoders import FAMILIES, Encoder, first_blocks, remaining_blocks
from harness_ssl.strategies import ENCODER, STRATEGIES, stage


class Network(nn.Module):
    """An encoder [B, 3, H, W] -> [B, D] and a linear layer [B, D] -> [B, C]."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.num_features, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(images))
        return logits


class Classifier(harness.TorchMethod):
    """An encoder fine-tuned by one of :data:`harness_ssl.strategies.STRATEGIES`.

    Args:
        problem: what to predict.
        strategy: name of the strategy.
        encoder: a name in :data:`harness_ssl.encoders.FAMILIES`.
        patch: pixels per side of a patch; images are resized to a multiple of it.
        width: features per token.
        heads: attention heads per block.
        layer_scale: initial value of every block's layer scale.
        probe_lr_scale: factor of the learning rate in a stage that trains the head alone before
            another stage trains the rest.
        preprocessing: ``"weights"`` prepares images as the weights were trained; ``"imagenet"`` by
            ImageNet's mean and deviation and bilinear resizing, as the original study did for every
            network.
        train_class_token: whether the class token trains where blocks behind it are frozen. Then
            gradients flow through those, so nothing of them can be computed once.

    Raises:
        HarnessError: there is no such strategy, encoder or preprocessing.
    """

    def __init__(
        self,
        problem: harness.Problem,
        *,
        strategy: str,
        encoder: str,
        patch: int,
        width: int,
        heads: int,
        layer_scale: float,
        probe_lr_scale: float,
        preprocessing: Literal["weights", "imagenet"] = "weights",
        train_class_token: bool = False,
    ) -> None:
        super().__init__(problem)
        if strategy not in STRATEGIES:
            raise harness.HarnessError(
                f"no strategy {strategy!r}; strategies: {', '.join(STRATEGIES)}"
            )
        if encoder not in FAMILIES:
            raise harness.HarnessError(f"no encoder {encoder!r}; encoders: {', '.join(FAMILIES)}")
        if preprocessing not in ("weights", "imagenet"):
            raise harness.HarnessError(
                f"preprocessing {preprocessing!r}: use 'weights' or 'imagenet'"
            )
        self._family = FAMILIES[encoder]
        self._preprocessing = preprocessing
        self._train_class_token = train_class_token
        self._phases = {phase.name: phase for phase in STRATEGIES[strategy]}
        self.stages = [
            stage(phase, probe_lr_scale, train_class_token) for phase in self._phases.values()
        ]
        self._patch, self._width, self._heads = patch, width, heads
        self._layer_scale = layer_scale

    @property
    def input(self) -> harness.InputSpec:
        """The preprocessing, at the multiple of the patch nearest to the protocol's size."""
        size = max(1, round(self.problem.image_size / self._patch)) * self._patch
        if self._preprocessing == "imagenet":
            return harness.InputSpec(
                size=size, mean=harness.IMAGENET_MEAN, std=harness.IMAGENET_STD
            )
        card = self._family.card
        return harness.InputSpec(
            size=size,
            mean=card.mean,
            std=card.std,
            interpolation=card.interpolation,
        )

    def build(self) -> nn.Module:
        encoder = self._family.build(
            size=self.input.size,
            patch=self._patch,
            width=self._width,
            heads=self._heads,
            layer_scale=self._layer_scale,
        )
        if self.problem.weights == "pretrained":
            (path,) = self.problem.weights_files.values()
            harness.load_checkpoint(encoder, path, lambda state: self._family.adapt(state, encoder))
        return Network(encoder, len(self.problem.classes))

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module(images)}

    def split(
        self, module: nn.Module, stage: harness.Stage
    ) -> tuple[nn.Module, Callable[..., Any]] | None:
        assert isinstance(module, Network)
        encoder, head = module.encoder, module.head
        boundary = self._phases[stage.name].frozen_blocks
        if boundary == 0 or (self._train_class_token and boundary != ENCODER):
            return None
        if boundary == ENCODER:
            return encoder, lambda features: {"label": head(features)}

        def suffix(tokens: Tensor) -> Mapping[str, Tensor]:
            return {"label": head(remaining_blocks(encoder, boundary, tokens))}

        return first_blocks(encoder, boundary), suffix
