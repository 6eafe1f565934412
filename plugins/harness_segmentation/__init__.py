"""Bundled plugin: lung segmentation by networks of segmentation-models-pytorch."""

from __future__ import annotations

from collections.abc import Iterator

import harness

HARNESS_API = 1

RESNET50 = harness.WeightsCard(
    id="resnet50.imagenet",
    source="smp",
    location="smp-hub/resnet50.imagenet",
    revision="00cb74e366966d59cd9a35af57e618af9f88efe9",
    files=(harness.WeightsFile(name="model.safetensors"),),
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
        name="unet",
        factory="harness_segmentation.models:Segmenter",
        task="segmentation",
        family="segmentation",
        summary="U-Net on a ResNet-50 encoder with ImageNet weights",
        params={"architecture": "unet", "encoder": "resnet50", "arguments": {}},
        tiny={
            "encoder": "mobilenet_v2",
            "arguments": {"decoder_channels": [64, 32, 24, 16, 8]},
        },
        needs=frozenset({"masks"}),
        weights=RESNET50,
        reference="https://arxiv.org/abs/1505.04597",
    )
