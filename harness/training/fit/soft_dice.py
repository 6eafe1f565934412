"""What a soft Dice is made of: sums over each image, of probabilities and a grey reference mask."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.training.batches import Part

LEVELS = 255
"""A resized mask has this many grey levels above black, as an 8-bit image has."""


class SoftOverlap:
    """Sums of a part, taken while its images are predicted in their order.

    Args:
        part: has a reference, see :func:`soft_overlap`.
        size: pixels per side at which probabilities and masks meet: the network's input.
    """

    def __init__(self, part: Part, size: int) -> None:
        self._part = part
        self._size = size
        self._sums: list[NDArray[np.float64]] = []
        self._done = 0

    def add(self, probabilities: Tensor) -> None:
        """Take the next images' mask probabilities [B, H, W]."""
        assert self._part.reference is not None and self._part.mask_grid is not None
        rows = self._part.indices[self._done : self._done + len(probabilities)]
        self._done += len(rows)
        masks = grey_masks(self._part.reference(rows), self._part.mask_grid, self._size)
        self._sums.append(_sums(_at(probabilities.float(), self._size), masks))

    def sums(self) -> NDArray[np.float64]:
        """Of p · g, p and g per image, [N, 3]."""
        return np.concatenate(self._sums) if self._sums else np.zeros((0, 3))


def soft_overlap(part: Part, size: int) -> SoftOverlap | None:
    """Takes the sums of a part; None where its images have no reference masks."""
    return None if part.reference is None else SoftOverlap(part, size)


def grey_masks(bits: NDArray[np.uint8], grid: int, size: int) -> Tensor:
    """Packed masks [B, ceil(grid * grid / 8)] as an image loader makes them that resizes masks like
    images: float32 [B, size, size] in [0, 1], bilinear with antialiasing, in 8-bit levels."""
    pixels = np.unpackbits(bits, axis=1, count=grid * grid).reshape(-1, grid, grid)
    grey = _at(torch.from_numpy(pixels).float() * LEVELS, size)
    return grey.round() / LEVELS


def _at(maps: Tensor, size: int) -> Tensor:
    """Maps [B, H, W] -> [B, size, size]."""
    if maps.shape[-2:] == (size, size):
        return maps
    resized = F.interpolate(
        maps.unsqueeze(1), size=(size, size), mode="bilinear", align_corners=False, antialias=True
    )
    return resized.squeeze(1)


def _sums(probabilities: Tensor, masks: Tensor) -> NDArray[np.float64]:
    there = masks.to(probabilities.device)
    products = (probabilities * there, probabilities, there)
    sums = [product.sum((1, 2), dtype=torch.float64) for product in products]
    return torch.stack(sums, dim=1).cpu().numpy()
