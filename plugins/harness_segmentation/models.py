"""A network of segmentation-models-pytorch with one mask as its output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import segmentation_models_pytorch as smp
from torch import Tensor, nn

import harness
from harness_segmentation.architectures import ARCHITECTURES
from harness_segmentation.cards import RESNET50


def pooled(problem: harness.Problem) -> harness.Problem:
    """The problem with a Dice loss over the pixels of a batch."""
    mask = replace(problem.targets["mask"], loss="harness.tasks.losses:bce_pooled_dice")
    return replace(problem, targets={**problem.targets, "mask": mask})


class Segmenter(harness.TorchMethod):
    """An encoder-decoder for a binary mask.

    Args:
        problem: what to predict.
        architecture: a name in :data:`harness_segmentation.architectures.ARCHITECTURES`, as
            ``smp.create_model`` takes it.
        encoder: the library's name of the encoder.
        arguments: further ones of the architecture's class.
        dice: whether the Dice loss is taken per ``"image"`` and averaged, as the task says, or over
            the pixels of a ``"batch"``, as the original study did.

    Raises:
        HarnessError: an architecture or a Dice loss of another name.
    """

    convolutional = True

    def __init__(
        self,
        problem: harness.Problem,
        *,
        architecture: str,
        encoder: str,
        arguments: Mapping[str, Any],
        dice: Literal["image", "batch"] = "image",
    ) -> None:
        if dice not in ("image", "batch"):
            raise harness.HarnessError(f"dice {dice!r}: use 'image' or 'batch'")
        super().__init__(pooled(problem) if dice == "batch" else problem)
        if architecture not in ARCHITECTURES:
            raise harness.HarnessError(
                f"no architecture {architecture!r}; architectures: {', '.join(ARCHITECTURES)}"
            )
        self._architecture = architecture
        self._encoder = encoder
        self._arguments = arguments

    @property
    def input(self) -> harness.InputSpec:
        """The weights' preprocessing, at the architecture's size nearest to the protocol's."""
        return harness.InputSpec(
            size=ARCHITECTURES[self._architecture].size_near(self.problem.image_size),
            mean=RESNET50.mean,
            std=RESNET50.std,
            interpolation=RESNET50.interpolation,
        )

    def build(self) -> nn.Module:
        network: nn.Module = smp.create_model(
            self._architecture,
            encoder_name=self._encoder,
            encoder_weights=None,
            in_channels=3,
            classes=1,
            **self._arguments,
        )
        if self.problem.weights == "pretrained":
            (path,) = self.problem.weights_files.values()
            # The encoder itself drops the classifier, where the file has one.
            harness.load_checkpoint(network.get_submodule("encoder"), path)
        return network

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"mask": module(images)}
