"""A dataset of random pixels: made at once, and as good as any other where only time counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import Samples

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")


@dataclass(frozen=True, slots=True)
class Noise:
    """See :class:`harness.data.dataset.Dataset`."""

    samples: Samples
    fingerprint: str

    def image(self, index: int) -> NDArray[np.uint8]:
        side = self.samples.mask_size
        return np.random.default_rng(index).integers(0, 256, (side, side), np.uint8)

    def mask(self, index: int) -> NDArray[np.bool_]:
        return self.image(index) > 127


def noise(images: int, size: int) -> Noise:
    """So many pictures of ``size`` pixels per side, each with a mask; classes take turns."""
    samples = Samples(
        ids=tuple(f"noise-{index}" for index in range(images)),
        labels=np.arange(images) % len(CLASSES),
        classes=CLASSES,
        has_mask=np.ones(images, np.bool_),
        mask_size=size,
    )
    return Noise(samples, f"noise-{images}-{size}")
