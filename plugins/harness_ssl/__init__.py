"""Bundled plugin: self-supervised encoders under four ways of fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator

import harness

HARNESS_API = 1

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

PROBE_LEARNING_RATE = 1e-3
"""A linear layer on frozen features learns next to nothing at the rate of a fine-tuning."""

STRATEGIES = {
    "full": "every layer trained",
    "freeze8": "embeddings and first 8 of 12 blocks frozen",
    "linear": "linear probe on the frozen encoder",
    "lpft": "linear probe, then every layer (LP-FT)",
}


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    for strategy, description in STRATEGIES.items():
        yield harness.MethodSpec(
            name=f"dinov2_base@{strategy}",
            factory="harness_ssl.models:Classifier",
            task="classification",
            family="ssl",
            summary=f"DINOv2 ViT-B/14, {description}",
            params={
                "strategy": strategy,
                "patch": 14,
                "width": 768,
                "heads": 12,
                "layer_scale": 1e-5,
                # Of the paper preset's 5e-5, to PROBE_LEARNING_RATE.
                "probe_lr_scale": 20.0,
            },
            tiny={
                "patch": 8,
                "width": 64,
                "heads": 2,
                "layer_scale": 0.1,
                "probe_lr_scale": 1.0,
            },
            protocol={"learning_rate": PROBE_LEARNING_RATE} if strategy == "linear" else {},
            weights=DINOV2_BASE,
            reference="https://arxiv.org/abs/2304.07193",
        )
