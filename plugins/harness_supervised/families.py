"""The families of torchvision networks, each built from its model class at any size.

torchvision's named builders accept no other widths or depths, so the full network and the small one
of the quick preset both come from here; the full one's parameters have torchvision's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How to build a member, and where its layer of 1,000 ImageNet classes is."""

    build: Callable[..., nn.Module]
    head: str
    """Name of the last linear layer in the network."""


def convnext(
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    stochastic_depth: float,
    layer_scale: float,
) -> nn.Module:
    """ConvNeXt with ``depths[i]`` blocks of ``widths[i]`` channels in stage i."""
    following = [*widths[1:], None]
    stages = [
        CNBlockConfig(width, following_width, depth)
        for width, following_width, depth in zip(widths, following, depths, strict=True)
    ]
    return ConvNeXt(stages, stochastic_depth_prob=stochastic_depth, layer_scale=layer_scale)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "convnext": Family(build=convnext, head="classifier.2"),
    }
)
