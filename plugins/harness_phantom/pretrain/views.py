"""Random views of images, and what networks take."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def normalised(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Grey images [B, S, S] in [0, 1] -> [B, C, S, S], one channel per mean."""
    shape = (1, len(mean), 1, 1)
    centre, spread = torch.tensor(mean).view(shape), torch.tensor(std).view(shape)
    return (images[:, None].expand(-1, len(mean), -1, -1) - centre) / spread


def exposed(images: Tensor, rng: torch.Generator) -> Tensor:
    """Images [B, S, S] in [0, 1] under random exposure: gamma, contrast, brightness, noise."""

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(images), 1, 1, generator=rng)

    bent = images.clamp(1e-3, 1) ** between(0.75, 1.33)
    mean = bent.mean(dim=(1, 2), keepdim=True)
    bent = (bent - mean) * between(0.8, 1.25) + mean + between(-0.1, 0.1)
    noise = torch.randn(images.shape, generator=rng)
    return (bent + noise * between(0.0, 0.015)).clamp(0, 1)


def hidden_patches(count: int, side: int, share: float, rng: torch.Generator) -> Tensor:
    """Which patches of ``count`` images are hidden, bool [count, side, side]: blocks of 2 x 2."""
    coarse = (side + 1) // 2
    blocks = torch.rand(count, 1, coarse, coarse, generator=rng) < share
    grown: Tensor = F.interpolate(blocks.float(), scale_factor=2.0)
    return grown[:, 0, :side, :side] > 0.5
