"""The networks that every peer trains."""

from __future__ import annotations

from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet


def tiny(classes: int) -> nn.Module:
    """Three convolutions: the time of a step is that of everything around the arithmetic."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 7, stride=4, padding=3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, classes),
    )


def resnet18(classes: int) -> nn.Module:
    """ResNet-18 as it is: the time of a step is that of the arithmetic."""
    return ResNet(BasicBlock, [2, 2, 2, 2], num_classes=classes)
