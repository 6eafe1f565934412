"""A network of segmentation-models-pytorch with one mask as its output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import segmentation_models_pytorch as smp
from torch import Tensor, nn

import harness


class Segmenter(harness.TorchMethod):
    """An encoder-decoder for a binary mask.

    Args:
        problem: what to predict.
        architecture: the library's name of it, as ``smp.create_model`` takes it.
        encoder: the library's name of the encoder.
        arguments: further ones of the architecture's class.
    """

    def __init__(
        self,
        problem: harness.Problem,
        *,
        architecture: str,
        encoder: str,
        arguments: Mapping[str, Any],
    ) -> None:
        super().__init__(problem)
        self._architecture = architecture
        self._encoder = encoder
        self._arguments = arguments

    def build(self) -> nn.Module:
        network = smp.create_model(
            self._architecture,
            encoder_name=self._encoder,
            encoder_weights=None,
            in_channels=3,
            classes=1,
            **self._arguments,
        )
        if self.problem.weights == "pretrained":
            (path,) = self.problem.weights_files.values()
            harness.load_checkpoint(network.encoder, path)
        return network

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"mask": module(images)}
