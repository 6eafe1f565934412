"""Bundled plugin: one network for the class and the lung mask."""

from __future__ import annotations

from collections.abc import Iterator

import harness
from harness_segmentation.cards import RESNET50

HARNESS_API = 1

# segmentation/unet differs from unet_resnet50_aux by the second task alone. No classifier does: the
# nearest is residual and convolutional too, but deeper and wider, so its difference is also theirs.
# unet_multitask, which has nothing like itself in either task, is set beside the same two.
TWINS = {"label": "supervised/resnext101_64x4d", "mask": "segmentation/unet"}


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    yield harness.MethodSpec(
        name="unet_multitask",
        factory="harness_multitask.models:MultitaskUNet",
        task="multitask",
        family="multitask",
        summary='Plain U-Net with a class head (the study called it "VNet")',
        params={"widths": [64, 128, 256, 512, 1024], "hidden": 128, "dice": "image"},
        tiny={"widths": [8, 16, 32, 64, 128], "hidden": 32},
        needs=frozenset({"masks"}),
        twins=TWINS,
        reference="https://arxiv.org/abs/1505.04597",
    )
    # Encoder and decoder are those of segmentation/unet, full and small.
    yield harness.MethodSpec(
        name="unet_resnet50_aux",
        factory="harness_multitask.auxiliary:AuxiliaryUNet",
        task="multitask",
        family="multitask",
        summary="U-Net on a ResNet-50 encoder, with a class head",
        params={"encoder": "resnet50", "arguments": {}},
        tiny={
            "encoder": "tu-resnet10t",
            "arguments": {
                "channels": [32, 64, 96, 128],
                "stem_width": 16,
                "decoder_channels": [64, 32, 24, 16, 8],
            },
        },
        needs=frozenset({"masks"}),
        twins=TWINS,
        weights=RESNET50,
        reference="https://arxiv.org/abs/1505.04597",
    )
