"""The study's multitask network: a plain U-Net whose bottleneck also predicts the class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

import harness


def pooled(problem: harness.Problem) -> harness.Problem:
    """The problem with a Dice loss over the pixels of a batch."""
    mask = replace(problem.targets["mask"], loss="harness.tasks.losses:bce_pooled_dice")
    return replace(problem, targets={**problem.targets, "mask": mask})


class MultitaskUNet(harness.TorchMethod):
    """Class and mask from one network that starts from random weights.

    Args:
        problem: what to predict.
        widths: channels at each resolution, the finest first; the last is the bottleneck's.
        hidden: units of the class head's hidden layer.
        dice: whether the mask's Dice loss is taken per ``"image"`` and averaged, as the task says,
            or over the pixels of a ``"batch"``, as the original study did.

    Raises:
        HarnessError: a Dice loss of another name.
    """

    convolutional = True

    def __init__(
        self,
        problem: harness.Problem,
        *,
        widths: Sequence[int],
        hidden: int,
        dice: Literal["image", "batch"] = "image",
    ) -> None:
        if dice not in ("image", "batch"):
            raise harness.HarnessError(f"dice {dice!r}: use 'image' or 'batch'")
        super().__init__(pooled(problem) if dice == "batch" else problem)
        self._widths = widths
        self._hidden = hidden

    @property
    def input(self) -> harness.InputSpec:
        """ImageNet's statistics at the nearest size that can be halved once per resolution."""
        multiple = 2 ** (len(self._widths) - 1)
        return harness.InputSpec(
            size=max(1, round(self.problem.image_size / multiple)) * multiple,
            mean=harness.IMAGENET_MEAN,
            std=harness.IMAGENET_STD,
        )

    def build(self) -> nn.Module:
        return Network(self._widths, self._hidden, len(self.problem.classes))

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        label, mask = module(images)
        return {"label": label, "mask": mask}


class Network(nn.Module):
    """Images [B, 3, H, W] -> class logits [B, C] and mask logits [B, 1, H, W]."""

    def __init__(self, widths: Sequence[int], hidden: int, classes: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(double_convolution(a, b) for a, b in pairwise([3, *widths]))
        self.pool = nn.MaxPool2d(2)
        finer = list(pairwise(reversed(widths)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in finer)
        self.merge = nn.ModuleList(double_convolution(2 * b, b) for _, b in finer)
        self.mask = nn.Conv2d(widths[0], 1, 1)
        self.label = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(widths[-1], hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, classes),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        skips: list[Tensor] = []
        features = images
        for level, convolutions in enumerate(self.down):
            features = convolutions(self.pool(features) if level else features)
            skips.append(features)
        label = self.label(skips.pop())
        for up, merge in zip(self.up, self.merge, strict=True):
            features = merge(torch.cat([skips.pop(), up(features)], dim=1))
        return label, self.mask(features)


def double_convolution(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        # The normalisation that follows has a bias of its own.
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
