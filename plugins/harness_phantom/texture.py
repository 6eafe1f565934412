"""Random textures that look the same at every size."""

from __future__ import annotations

import numpy as np
from PIL import Image

from harness_phantom.frame import Field


def texture(rng: np.random.Generator, cells: int, size: int) -> Field:
    """Smooth Gaussian noise [size, size] of unit variance on average, ``cells`` grains a side."""
    grains = rng.standard_normal((cells, cells), dtype=np.float32)
    return 1.5 * resized(grains, size)


def resized(field: Field, size: int) -> Field:
    """``field`` at ``size`` pixels a side, bicubic."""
    image = Image.fromarray(field).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32)
