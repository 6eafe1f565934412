"""Bundled plugin: torchvision classifiers that were pretrained on labelled photographs."""

from __future__ import annotations

from collections.abc import Iterator

import harness

HARNESS_API = 1

CONVNEXT_BASE = harness.WeightsCard(
    id="convnext_base.imagenet1k_v1",
    source="torchvision",
    location="https://download.pytorch.org/models/convnext_base-6075fbad.pth",
    files=(harness.WeightsFile(name="convnext_base-6075fbad.pth", sha256="6075fbad"),),
    pretraining_method="supervised",
    pretraining_data="ImageNet-1k",
    labels_used=True,
    licence="BSD-3-Clause",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    native_size=224,
    interpolation="bilinear",
)


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    yield harness.MethodSpec(
        name="convnext_base",
        factory="harness_supervised.models:Classifier",
        task="classification",
        family="supervised",
        summary="ConvNeXt-B, ImageNet weights, every layer trained",
        params={
            "family": "convnext",
            "arguments": {
                "widths": [128, 256, 512, 1024],
                "depths": [3, 3, 27, 3],
                "stochastic_depth": 0.5,
                "layer_scale": 1e-6,
            },
        },
        tiny={
            "arguments": {
                "widths": [24, 48, 96, 192],
                "depths": [1, 1, 3, 1],
                "stochastic_depth": 0.0,
                "layer_scale": 0.1,
            },
        },
        weights=CONVNEXT_BASE,
        reference="https://arxiv.org/abs/2201.03545",
    )
