"""How fast running statistics follow, in the networks that have batch normalisation."""

from __future__ import annotations

from torch import nn


def set_momentum(network: nn.Module, momentum: float) -> None:
    """Give every batch normalisation ``momentum``, a batch's weight in its running statistics.

    With the usual 0.1 the statistics trail behind the parameters for the first some hundred steps,
    and a network that has just learned to tell its batches apart predicts one class for all images.
    """
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = momentum
