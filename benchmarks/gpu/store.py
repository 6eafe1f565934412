"""Random images and masks in memory, as a prepared store would hold them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.noise import CLASSES
from harness.training.batches import Part


class RandomStore:
    """``count`` images of every size that is asked for; each has a label and a mask."""

    def __init__(self, count: int) -> None:
        self.count = count

    def part(self, size: int, *, masks: bool, count: int | None = None) -> Part:
        """The first ``count`` images (all of them by default), of ``size`` pixels per side."""
        count = self.count if count is None else min(count, self.count)
        return Part(
            indices=np.arange(count),
            ids=tuple(map(str, range(count))),
            images=_random(self.count, size, size),
            labels=np.arange(count) % len(CLASSES),
            mask_bits=_random(self.count, (size * size + 7) // 8) if masks else None,
            has_mask=np.ones(count, np.bool_),
        )


@cache
def _random(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
