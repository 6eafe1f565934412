"""DenseNet: every layer reads the outputs of all layers before it in its block."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import Tensor
from torchvision.models.densenet import DenseNet

from harness_supervised.batch_norm import set_momentum

OLD_NAME = re.compile(r"(?<=\.)(norm|conv)\.(?=[12]\.)")
"""``denselayer1.norm.1.weight`` is called ``denselayer1.norm1.weight`` today."""


def build(*, growth: int, depths: Sequence[int], stem: int, batch_norm_momentum: float) -> DenseNet:
    """``depths[i]`` layers in block i; each adds ``growth`` channels to the first ``stem``."""
    network = DenseNet(growth_rate=growth, block_config=tuple(depths), num_init_features=stem)
    set_momentum(network, batch_norm_momentum)
    return network


def adapted(state: dict[str, Tensor], network: DenseNet) -> dict[str, Tensor]:
    """The state under today's names; the published file has those of the first PyTorch versions."""
    return {OLD_NAME.sub(r"\1", name): value for name, value in state.items()}
