"""Where the encoders' initial weights come from."""

from __future__ import annotations

import harness
from harness_phantom.own_weights import own_card

DINOV2_BASE = harness.WeightsCard(
    id="vit_base_patch14_dinov2.lvd142m",
    source="timm",
    location="timm/vit_base_patch14_dinov2.lvd142m",
    revision="4685c99dabffe5affac90bd99dbffd25801ae58d",
    files=(
        harness.WeightsFile(
            name="model.safetensors",
            sha256="55cbb5d887b336d430e649c277b85a1429e724871f9d02ac16203235886d8c7b",
            size=346_334_872,
        ),
    ),
    pretraining_method="self-distillation (DINOv2)",
    pretraining_data="LVD-142M",
    labels_used=False,
    licence="Apache-2.0",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    native_size=518,
    interpolation="bicubic",
)

# timm publishes no BEiT v2 that has not seen labels. The authors' checkpoint from before that
# (beitv2_base_patch16_224_pt1k.pth) is given as a file instead; see harness_ssl.beitv2.adapted.
BEITV2_BASE = harness.WeightsCard(
    id="beitv2_base_patch16_224.in1k_ft_in22k",
    source="timm",
    location="timm/beitv2_base_patch16_224.in1k_ft_in22k",
    files=(harness.WeightsFile(name="model.safetensors"),),
    pretraining_method="masked image modelling (BEiT v2), then fine-tuned on labels",
    pretraining_data="ImageNet-1k, then ImageNet-22k with its labels",
    labels_used=True,
    licence="Apache-2.0",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    native_size=224,
    interpolation="bicubic",
)

# Neither is self-supervised in the strict sense: in the minutes that such a network may take,
# masked modelling or agreement of views alone learned next to nothing about lungs.
DINOV2_SMALL = own_card(
    "dinov2_base.small",
    DINOV2_BASE,
    method="regression of the simulator's maps of filled lung; no class",
    labels_used=False,
)
BEITV2_SMALL = own_card(
    "beitv2_base.small",
    BEITV2_BASE,
    method="regression of the simulator's maps of filled lung, a quarter of the patches hidden; "
    "no class",
    labels_used=False,
)
