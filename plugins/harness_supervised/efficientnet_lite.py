"""EfficientNet-Lite0: no squeeze-and-excitation, and activations that are clipped at 6."""

from __future__ import annotations

import timm
from torch import Tensor, nn

STEM = "_conv_stem.weight"
"""The first name in the package's file, which has other names than timm in the same order."""


def build() -> nn.Module:
    """timm's ``tf_efficientnet_lite0``; takes images of any size."""
    network: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    return network


def adapted(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The state under timm's names; one that has them already is returned as it is.

    Raises:
        ValueError: the file has more or fewer entries than the network, or one of another shape.
    """
    if STEM not in state:
        return state
    own = network.state_dict()
    renamed = dict(zip(own, state.values(), strict=True))
    if odd := [name for name, value in renamed.items() if value.shape != own[name].shape]:
        raise ValueError(f"{odd[0]} has another shape")
    return renamed
