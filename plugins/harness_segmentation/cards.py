"""Where the encoders' initial weights come from."""

from __future__ import annotations

import harness

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
