"""Bundled plugin: lung segmentation by networks of segmentation-models-pytorch."""

from __future__ import annotations

from collections.abc import Iterator

import harness
from harness_segmentation.architectures import ARCHITECTURES
from harness_segmentation.cards import RESNET50

HARNESS_API = 1

# Half to a quarter of the width of timm's ResNet-10. On mobilenet_v2, which takes longer, PSPNet,
# PAN and DeepLabV3 end the quick preset at a Dice of 0 to 0.53.
SLIM_ENCODER = {"channels": [32, 64, 96, 128], "stem_width": 16}


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    for name, architecture in ARCHITECTURES.items():
        yield harness.MethodSpec(
            name=name,
            factory="harness_segmentation.models:Segmenter",
            task="segmentation",
            family="segmentation",
            summary=f"{architecture.title} on a ResNet-50 encoder",
            params={
                "architecture": name,
                "encoder": "resnet50",
                "arguments": {},
                "dice": "image",
            },
            tiny={"encoder": "tu-resnet10t", "arguments": {**SLIM_ENCODER, **architecture.slim}},
            needs=frozenset({"masks"}),
            weights=RESNET50,
            reference=architecture.reference,
        )
