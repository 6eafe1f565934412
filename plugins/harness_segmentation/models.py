"""A network of segmentation-models-pytorch with one mask as its output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
from safetensors import SafetensorError
from safetensors.torch import load_file
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
            load_encoder(network.encoder, path)
        return network

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"mask": module(images)}


def load_encoder(encoder: nn.Module, path: Path) -> None:
    """Load every parameter and buffer of the encoder.

    Raises:
        HarnessError: the file is no checkpoint, or is one of another encoder.
    """
    try:
        encoder.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise harness.HarnessError(
            f"{path}: this checkpoint does not fit {type(encoder).__name__} ({reason})"
        ) from error
