"""Where the networks' initial weights come from: for each, torchvision's first on ImageNet-1k."""

from __future__ import annotations

from typing import Literal

import harness

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def _card(
    name: str,
    sha256: str,
    *,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
    native_size: int = 224,
    interpolation: Literal["bilinear", "bicubic"] = "bilinear",
) -> harness.WeightsCard:
    """The card of a network by its name in torchvision and the digest in its file's name."""
    file = f"{name}-{sha256}.pth"
    return harness.WeightsCard(
        id=f"{name}.imagenet1k_v1",
        source="torchvision",
        location=f"https://download.pytorch.org/models/{file}",
        files=(harness.WeightsFile(name=file, sha256=sha256),),
        pretraining_method="supervised",
        pretraining_data="ImageNet-1k",
        labels_used=True,
        licence="BSD-3-Clause",
        mean=mean,
        std=std,
        native_size=native_size,
        interpolation=interpolation,
    )


SWIN_B = _card("swin_b", "68c6b09e", interpolation="bicubic")
VIT_B_16 = _card("vit_b_16", "c867db91")
CONVNEXT_BASE = _card("convnext_base", "6075fbad")
DENSENET161 = _card("densenet161", "8d451a50")
EFFICIENTNET_V2_L = _card(
    "efficientnet_v2_l",
    "59c71312",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    native_size=480,
    interpolation="bicubic",
)
RESNEXT101_64X4D = _card("resnext101_64x4d", "173b62eb")
