"""Bundled plugin: classifiers that were pretrained on labelled photographs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import harness
from harness_supervised import cards

HARNESS_API = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A published network and the small one that replaces it in the quick preset."""

    title: str
    family: str
    full: Mapping[str, Any]
    """Arguments of the family's ``build`` for the published network."""
    small: Mapping[str, Any] | None
    """Those for the small one, which must learn something even from random weights in some 250
    steps: nothing is dropped, no part starts too faint to be heard by then, and running statistics
    keep up. None where the published network is small enough for a laptop."""
    weights: harness.WeightsCard
    reference: str


MEMBERS = {
    "swin_b": Member(
        title="Swin-B",
        family="swin",
        full={
            "width": 128,
            "depths": [2, 2, 18, 2],
            "heads": [4, 8, 16, 32],
            "window": 7,
            "stochastic_depth": 0.5,
        },
        small={
            "width": 16,
            "depths": [1, 2, 2, 1],
            "heads": [1, 2, 4, 8],
            "window": 4,
            "stochastic_depth": 0.0,
        },
        weights=cards.SWIN_B,
        reference="https://arxiv.org/abs/2103.14030",
    ),
    "vit_b_16": Member(
        title="ViT-B/16",
        family="vit",
        full={"patch": 16, "width": 768, "depth": 12, "heads": 12, "position_std": 0.02},
        small={"patch": 8, "width": 64, "depth": 4, "heads": 4, "position_std": 1.0},
        weights=cards.VIT_B_16,
        reference="https://arxiv.org/abs/2010.11929",
    ),
    "convnext_base": Member(
        title="ConvNeXt-B",
        family="convnext",
        full={
            "widths": [128, 256, 512, 1024],
            "depths": [3, 3, 27, 3],
            "stochastic_depth": 0.5,
            "layer_scale": 1e-6,
        },
        small={
            "widths": [24, 48, 96, 192],
            "depths": [1, 1, 3, 1],
            "stochastic_depth": 0.0,
            "layer_scale": 0.1,
        },
        weights=cards.CONVNEXT_BASE,
        reference="https://arxiv.org/abs/2201.03545",
    ),
    "densenet161": Member(
        title="DenseNet-161",
        family="densenet",
        full={"growth": 48, "depths": [6, 12, 36, 24], "stem": 96, "batch_norm_momentum": 0.1},
        small={"growth": 24, "depths": [2, 2, 4, 2], "stem": 48, "batch_norm_momentum": 0.3},
        weights=cards.DENSENET161,
        reference="https://arxiv.org/abs/1608.06993",
    ),
    "efficientnet_v2_l": Member(
        title="EfficientNetV2-L",
        family="efficientnet",
        full={
            "stem": 32,
            "widths": [32, 64, 96, 192, 224, 384, 640],
            "depths": [4, 7, 7, 10, 19, 25, 7],
            "strides": [1, 2, 2, 2, 1, 2, 1],
            "expansions": [1, 4, 4, 4, 6, 6, 6],
            "fused": 3,
            "features": 1280,
            "dropout": 0.4,
            "stochastic_depth": 0.2,
            "batch_norm_momentum": 0.1,
        },
        small={
            "stem": 16,
            "widths": [16, 24, 32, 48, 64, 96, 128],
            "depths": [1, 1, 1, 1, 1, 1, 1],
            "strides": [1, 2, 2, 2, 1, 2, 1],
            "expansions": [1, 4, 4, 4, 6, 6, 6],
            "fused": 3,
            "features": 256,
            "dropout": 0.0,
            "stochastic_depth": 0.0,
            "batch_norm_momentum": 0.3,
        },
        weights=cards.EFFICIENTNET_V2_L,
        reference="https://arxiv.org/abs/2104.00298",
    ),
    "efficientnet_lite0": Member(
        title="EfficientNet-Lite0",
        family="efficientnet_lite",
        full={},
        small=None,
        weights=cards.EFFICIENTNET_LITE0,
        reference="https://arxiv.org/abs/1905.11946",
    ),
    "resnext101_64x4d": Member(
        title="ResNeXt-101 64x4d",
        family="resnet",
        full={
            "depths": [3, 4, 23, 3],
            "groups": 64,
            "group_width": 4,
            "expansion": 4,
            "batch_norm_momentum": 0.1,
        },
        small={
            "depths": [1, 1, 1, 1],
            "groups": 8,
            "group_width": 8,
            "expansion": 1,
            "batch_norm_momentum": 0.3,
        },
        weights=cards.RESNEXT101_64X4D,
        reference="https://arxiv.org/abs/1611.05431",
    ),
}


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    for name, member in MEMBERS.items():
        yield harness.MethodSpec(
            name=name,
            factory="harness_supervised.models:Classifier",
            task="classification",
            family="supervised",
            summary=f"{member.title}, every layer trained",
            params={
                "family": member.family,
                "arguments": member.full,
                "head": "replace",
                "preprocessing": "weights",
            },
            tiny={} if member.small is None else {"arguments": member.small},
            weights=member.weights,
            tiny_weights=None if member.small is None else cards.small(name, member.weights),
            reference=member.reference,
        )
