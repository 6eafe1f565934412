"""Mask probabilities onto the grid that they are scored on."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

THRESHOLD = 0.5


def pack_on_grid(probabilities: Tensor, grid: int) -> NDArray[np.uint8]:
    """Probabilities [B, H, W] -> packed masks [B, ceil(grid * grid / 8)].

    The probability map is resized (bilinear, antialiased where it shrinks) and then thresholded, so
    the outline is not bound to the pixels of the network's output.
    """
    return np.packbits(at_size(probabilities, grid, grid).flatten(1).cpu().numpy(), axis=1)


def at_size(probabilities: Tensor, height: int, width: int) -> Tensor:
    """Probabilities [B, H, W] -> masks bool [B, height, width], resized before the threshold."""
    maps = probabilities.unsqueeze(1).float()
    if maps.shape[-2:] != (height, width):
        maps = F.interpolate(
            maps, size=(height, width), mode="bilinear", align_corners=False, antialias=True
        )
    return maps.squeeze(1) > THRESHOLD
