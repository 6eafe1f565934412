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
    maps = probabilities.unsqueeze(1).float()
    if maps.shape[-1] != grid or maps.shape[-2] != grid:
        maps = F.interpolate(
            maps, size=(grid, grid), mode="bilinear", align_corners=False, antialias=True
        )
    return np.packbits((maps > THRESHOLD).flatten(1).cpu().numpy(), axis=1)
