"""Bundled plugin: self-supervised encoders under four ways of fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import harness
from harness_ssl.cards import BEITV2_BASE, BEITV2_SMALL, DINOV2_BASE, DINOV2_SMALL

HARNESS_API = 1

PROBE_LEARNING_RATE = 1e-3
"""A linear layer on frozen features learns next to nothing at the rate of a fine-tuning."""

STRATEGIES = {
    "full": "every layer trained",
    "freeze8": "embeddings and first 8 blocks frozen",
    "linear": "linear probe on the frozen encoder",
    "lpft": "linear probe, then every layer (LP-FT)",
}

PARTLY_FROZEN = {"freeze8"}
"""Strategies that freeze some blocks of an encoder and train those behind them."""

SMALL = {"patch": 16, "width": 64, "heads": 2, "layer_scale": 0.1, "probe_lr_scale": 1.0}


@dataclass(frozen=True, slots=True)
class Member:
    """A published encoder, which every strategy is offered for."""

    title: str
    params: Mapping[str, Any]
    weights: harness.WeightsCard
    small: harness.WeightsCard
    """Of the small member, which :data:`SMALL` makes."""
    reference: str


MEMBERS = {
    "dinov2_base": Member(
        title="DINOv2 ViT-B/14",
        params={"encoder": "dinov2", "patch": 14, "width": 768, "heads": 12, "layer_scale": 1e-5},
        weights=DINOV2_BASE,
        small=DINOV2_SMALL,
        reference="https://arxiv.org/abs/2304.07193",
    ),
    "beitv2_base": Member(
        title="BEiTv2-B/16",
        params={"encoder": "beitv2", "patch": 16, "width": 768, "heads": 12, "layer_scale": 1e-5},
        weights=BEITV2_BASE,
        small=BEITV2_SMALL,
        reference="https://arxiv.org/abs/2208.06366",
    ),
}


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    for name, member in MEMBERS.items():
        for strategy, description in STRATEGIES.items():
            yield harness.MethodSpec(
                name=f"{name}@{strategy}",
                factory="harness_ssl.models:Classifier",
                task="classification",
                family="ssl",
                summary=f"{member.title}, {description}",
                # The scale is from the paper preset's 5e-5 to PROBE_LEARNING_RATE.
                params={
                    "strategy": strategy,
                    **member.params,
                    "probe_lr_scale": 20.0,
                    "preprocessing": "weights",
                    **({"train_class_token": False} if strategy in PARTLY_FROZEN else {}),
                },
                tiny=SMALL,
                protocol={"learning_rate": PROBE_LEARNING_RATE} if strategy == "linear" else {},
                weights=member.weights,
                tiny_weights=member.small,
                reference=member.reference,
            )
