"""From stored levels to 8 bits of grey: one rule for every format that holds more than 8.

A format that says what black and white are is believed: 0 and the highest level of a PNG or TIFF
file, the window of a DICOM file. A 16-bit file need not use its levels, though: content of 14 bits,
as flat-panel detectors give it, would come out nearly black. Where 99 of 100 levels lie below a
quarter of the highest, and where a DICOM file has no window, the image's own range is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DARK = 0.25
"""Share of the highest level, that the content of a file with two unused bits does not exceed."""
_OUTLIERS = (1, 99)
"""Percentiles between which the content lies, whatever is burnt into a corner."""
_MARGIN = 0.25
"""Of the distance between these, added at either end as far as there are levels."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An image as it was read, and what was done to it beyond taking its levels."""

    grey: NDArray[np.uint8]
    """[H, W], as a viewer shows it."""
    mode: str = "L"
    """Pillow's name of what the file holds."""
    stretched: bool = False
    """The file's levels use little of their range: their own range is shown."""
    window: str = ""
    """Why no window of a DICOM file was used; empty where one was, or none is needed."""
    turned: int = 1
    """EXIF orientation that the image was stored in; 1 where it was upright."""
    halved: bool = False
    """16 bits of colour, of which the upper 8 were taken."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.grey.shape[1], self.grey.shape[0]

    @property
    def kinds(self) -> tuple[str, ...]:
        """In what it differs from the file as it is stored, one of the kinds of
        :data:`harness.data.read_notes.COUNTED` each."""
        kinds = ["turned"] if self.turned != 1 else []
        if self.window:
            kinds.append("window")
        elif self.stretched:
            kinds.append("dark")
        elif self.halved and np.percentile(self.grey, _OUTLIERS[1]) < _DARK * 256:
            kinds.append("dark-colour")
        return tuple(kinds)


def whole_range(levels: NDArray[np.integer], highest: int) -> NDArray[np.uint8]:
    """Levels 0 to ``highest`` as 0 to 255, rounded: ``levels * 255 / highest``."""
    return ((levels.astype(np.uint64) * 255 + highest // 2) // highest).astype(np.uint8)


def own_range(
    values: NDArray[np.integer] | NDArray[np.float64], counted: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """The values with their own range as 0 to 255.

    The range reaches from the 1st to the 99th percentile, and beyond either by a quarter of their
    distance, but not beyond the lowest and highest value. Values outside are black or white.

    Args:
        counted: the values that the range is of, [H, W]; all where it is None or marks none.
    """
    inside = values if counted is None or not counted.any() else values[counted]
    first, last = (float(value) for value in np.percentile(inside, _OUTLIERS, method="nearest"))
    margin = _MARGIN * (last - first)
    low = max(float(inside.min()), first - margin)
    high = min(float(inside.max()), last + margin)
    if high <= low:
        low, high = float(inside.min()), float(inside.max())
    share = (values.astype(np.float64) - low) / max(high - low, 1e-12)
    return to_bytes(share)


def to_bytes(share: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Shares of full white as levels 0 to 255; what is beyond 0 and 1 is black and white."""
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def deep_grey(levels: NDArray[np.integer], highest: int) -> tuple[NDArray[np.uint8], bool]:
    """Levels of more than 8 bits as 8, and whether their own range was taken: where they use less
    than a quarter of ``highest``. Pixels at ``highest`` itself, as burnt-in markers are, do not
    count."""
    counted = levels < highest
    if not counted.any():
        return whole_range(levels, highest), False
    inside = levels[counted]
    last = np.percentile(inside, _OUTLIERS[1], method="nearest")
    if last >= _DARK * highest or inside.min() == inside.max():
        return whole_range(levels, highest), False
    return own_range(levels, counted), True
