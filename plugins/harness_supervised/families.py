"""The families of networks, each built from its model class at any size.

torchvision's named builders accept no other widths or depths, so the full network and the small one
of the quick preset both come from a family's ``build``; the full one's parameters have
torchvision's names and shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

import harness
from harness_supervised import (
    cards,
    convnext,
    densenet,
    efficientnet,
    efficientnet_lite,
    resnet,
    swin,
    vit,
)

State = dict[str, Tensor]


def unchanged(state: State, network: nn.Module) -> State:
    """For files that have today's names and fit images of any size."""
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Networks of one architecture, in any size."""

    card: harness.WeightsCard
    """Its preprocessing is that of the whole family, from random weights too."""
    build: Callable[..., nn.Module]
    """``build(**arguments)``: a network for 1,000 classes."""
    head: str
    """Name of the last linear layer in the network."""
    convolutional: bool = False
    """Whether it is faster with the channels last."""
    adapt: Callable[[State, Any], State] = unchanged
    """``adapt(state, network)``: a published state with the network's names and shapes."""
    positions: bool = False
    """Whether each patch has a learned position. Then ``build`` also takes the ``size`` of images
    in pixels, a multiple of its argument ``patch``."""


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "swin": Family(card=cards.SWIN_B, build=swin.build, head="head"),
        "vit": Family(
            card=cards.VIT_B_16,
            build=vit.build,
            head="heads.head",
            adapt=vit.adapted,
            positions=True,
        ),
        "convnext": Family(card=cards.CONVNEXT_BASE, build=convnext.build, head="classifier.2"),
        "densenet": Family(
            card=cards.DENSENET161,
            build=densenet.build,
            head="classifier",
            convolutional=True,
            adapt=densenet.adapted,
        ),
        "efficientnet": Family(
            card=cards.EFFICIENTNET_V2_L,
            build=efficientnet.build,
            head="classifier.1",
            convolutional=True,
        ),
        "efficientnet_lite": Family(
            card=cards.EFFICIENTNET_LITE0,
            build=efficientnet_lite.build,
            head="classifier",
            convolutional=True,
            adapt=efficientnet_lite.adapted,
        ),
        "resnet": Family(
            card=cards.RESNEXT101_64X4D, build=resnet.build, head="fc", convolutional=True
        ),
    }
)
