"""The ways of fine-tuning an encoder: what is frozen in which stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from torch import nn

import harness

DEPTH = 12
"""Blocks of every encoder, small ones too, so that a strategy freezes the same share."""

ENCODER = -1
"""In place of a number of blocks: everything but the head."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stage, described by the part of the network that it freezes."""

    name: str
    share_of_epochs: float
    frozen_blocks: int
    """So many blocks and all that comes before them; 0 for nothing; :data:`ENCODER`."""
    probe_rate: bool = False
    """Whether the learning rate is scaled up from that of a fine-tuning to that of a probe."""


STRATEGIES: Mapping[str, tuple[Phase, ...]] = MappingProxyType(
    {
        "full": (Phase("train", 1.0, 0),),
        "freeze8": (Phase("train", 1.0, 8),),
        "linear": (Phase("linear", 1.0, ENCODER),),
        "lpft": (Phase("linear", 0.5, ENCODER, probe_rate=True), Phase("finetune", 0.5, 0)),
    }
)


def stage(phase: Phase, probe_lr_scale: float, class_token: bool = False) -> harness.Stage:
    """The phase as the training loop knows it; ``class_token`` trains before frozen blocks, too."""
    frozen = phase.frozen_blocks
    return harness.Stage(
        name=phase.name,
        share_of_epochs=phase.share_of_epochs,
        trainable=None
        if frozen == 0
        else partial(trainable_names, frozen_blocks=frozen, class_token=class_token),
        lr_scale=probe_lr_scale if phase.probe_rate else 1.0,
    )


def trainable_names(
    network: nn.Module, *, frozen_blocks: int, class_token: bool = False
) -> Iterable[str]:
    """Names of what trains: whatever lies behind the boundary, and the head.

    What trains is listed and all else is frozen, so no kind of embedding or token can be missed.
    """
    behind = ["head."]
    if frozen_blocks != ENCODER:
        behind += [f"encoder.blocks.{i}." for i in range(frozen_blocks, DEPTH)]
        behind += ["encoder.norm.", "encoder.fc_norm."]
        behind += ["encoder.cls_token"] if class_token else []
    return [name for name, _ in network.named_parameters() if name.startswith(tuple(behind))]
