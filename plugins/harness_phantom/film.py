"""From attenuation to grey values: exposure, scatter, noise and the film's response."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from harness_phantom.frame import Field
from harness_phantom.texture import resized


@dataclass(frozen=True, slots=True)
class Exposure:
    """How one picture was taken."""

    error: float
    """Logarithm of the exposure's deviation from what the automatic control aims at."""
    contrast: float
    """Slope of the film's characteristic curve."""
    scatter: float
    """Scattered over primary radiation."""
    photons: float
    """Per picture at unit exposure; noise per pixel grows with the number of pixels."""
    sharpening: float


def develop(
    attenuation: Field, aim: NDArray[np.bool_], exposure: Exposure, rng: np.random.Generator
) -> Field:
    """Grey values in [0, 1], bright where much was absorbed.

    Beer-Lambert gives the primary radiation exp(-attenuation); scatter is its wide blur. The film
    follows the logistic characteristic curve of Hurter and Driffield in the logarithm of exposure.

    Args:
        attenuation: line integrals, [size, size].
        aim: bool [size, size], where the exposure control measures.
    """
    size = attenuation.shape[0]
    primary = np.exp(-attenuation)
    received = primary + exposure.scatter * _blurred(primary)
    received /= received[aim].mean()
    grains = rng.standard_normal((size, size), dtype=np.float32)
    received += grains * np.sqrt(received * (size * size / exposure.photons))
    signal = np.log(np.maximum(received, 1e-3)) + exposure.error
    if exposure.sharpening:
        smooth = ndimage.gaussian_filter(signal, size / 64, truncate=2.0)
        signal += exposure.sharpening * (signal - smooth)
    grey: Field = 1 / (1 + np.exp(exposure.contrast * signal + 0.75))
    return grey


def _blurred(primary: Field) -> Field:
    coarse = Image.fromarray(primary).resize((16, 16), Image.Resampling.BOX)
    wide = ndimage.gaussian_filter(np.asarray(coarse), 1.8, mode="nearest")
    return resized(wide, primary.shape[0])
