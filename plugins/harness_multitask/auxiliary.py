"""A segmentation network with the library's class head on its encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import segmentation_models_pytorch as smp
from torch import Tensor, nn

import harness
from harness_segmentation.cards import RESNET50


class AuxiliaryUNet(harness.TorchMethod):
    """The U-Net of segmentation-models-pytorch whose last encoder features also give the class.

    The head is one linear layer on their mean over the image, without dropout.

    Args:
        problem: what to predict.
        encoder: the library's name of the encoder.
        arguments: further ones of ``smp.Unet``.
    """

    convolutional = True

    def __init__(
        self, problem: harness.Problem, *, encoder: str, arguments: Mapping[str, Any]
    ) -> None:
        super().__init__(problem)
        self._encoder = encoder
        self._arguments = arguments

    @property
    def input(self) -> harness.InputSpec:
        """The weights' preprocessing at the protocol's size: the network takes every size."""
        return harness.InputSpec(
            size=self.problem.image_size,
            mean=RESNET50.mean,
            std=RESNET50.std,
            interpolation=RESNET50.interpolation,
        )

    def build(self) -> nn.Module:
        network: nn.Module = smp.Unet(
            encoder_name=self._encoder,
            encoder_weights=None,
            in_channels=3,
            classes=1,
            aux_params={
                "classes": len(self.problem.classes),
                "pooling": "avg",
                "dropout": None,
                "activation": None,
            },
            **self._arguments,
        )
        if self.problem.weights == "pretrained":
            (path,) = self.problem.weights_files.values()
            # The encoder itself drops the classifier, where the file has one.
            harness.load_checkpoint(network.get_submodule("encoder"), path)
        return network

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        mask, label = module(images)
        return {"label": label, "mask": mask}
