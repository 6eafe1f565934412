"""Bit-packed masks: eight pixels to a byte.

Image ``i`` is row ``i``: its ``grid * grid`` pixels in row-major order, most significant bit first,
zero bits at the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError


def pack_masks(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Masks [N, grid, grid] bit-packed, [N, ceil(grid * grid / 8)]."""
    images, height, width = masks.shape
    return np.packbits(masks.reshape(images, height * width), axis=1)


def unpack_masks(bits: NDArray[np.uint8], grid: int) -> NDArray[np.bool_]:
    """The masks that :func:`pack_masks` packed, bool [N, grid, grid]."""
    pixels = np.unpackbits(bits, axis=1, count=grid * grid)
    return pixels.reshape(len(bits), grid, grid).astype(np.bool_)


def count_pixels(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pixels set per mask, [N], of bit-packed masks [N, B]."""
    counts: NDArray[np.int64] = np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
    return counts


def check_bits(what: str, bits: NDArray[np.uint8], images: int, grid: int) -> None:
    """HarnessError unless ``bits`` has the shape of so many masks of ``grid`` pixels per side."""
    expected = (images, -(-grid * grid // 8))
    if bits.shape != expected or bits.dtype != np.uint8:
        raise HarnessError(
            f"{what}: {bits.dtype} {bits.shape}, but {images} masks of {grid} x {grid} pixels "
            f"are uint8 {expected}"
        )
