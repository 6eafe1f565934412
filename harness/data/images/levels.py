"""From stored levels to 8 bits of grey: one rule for every format that holds more than 8.

A format that says what black and white are is believed: 0 and the highest level of a PNG or TIFF
file, the window of a DICOM file. A 16-bit file need not use its levels, though: content of 14 bits,
as flat-panel detectors give it, would come out nearly black. Where 99 of 100 levels lie in the
lowest or in the highest quarter, and where a DICOM file has no window, the image's own range is
taken. What is burnt into the film does not count (:func:`_without_marker`).

Levels are judged as they are shown: files that store white as zero are inverted first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_DARK = 0.25
"""Share of the range, that the content of a file with two unused bits does not exceed."""
_OUTLIERS = (0.01, 0.99)
"""Shares of the pixels between which the content lies, whatever is burnt into a corner."""
_MARGIN = 0.25
"""Of the distance between these, added at either end as far as there are levels."""
_BINS = 64
"""Parts of the range from the lowest to the highest level, in which pixels are counted."""
_HARDLY = 0.001
"""Share of the pixels below which a part of the range is empty: the smoothed edges of letters."""
_MARKED = 0.1
"""Share of the pixels that markers do not exceed. A film fills more of its detector than that."""


_COUNTABLE = 1 << 20
"""Levels that are counted one by one, rather than sorted."""

_Values = NDArray[np.integer] | NDArray[np.float64]


class Shown(NamedTuple):
    """Levels as 8 bits of grey, and what was done."""

    grey: NDArray[np.uint8]
    """[H, W]."""
    stretched: bool = False
    """Their own range is shown."""
    dim: bool = False
    """See :class:`Reading`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An image as it was read, and what was done to it beyond taking its levels."""

    grey: NDArray[np.uint8]
    """[H, W], as a viewer shows it."""
    mode: str = "L"
    """Pillow's name of what the file holds; ``I;16A`` for 16-bit grey and alpha."""
    highest: int = 255
    """Level of white in the file, unless its own range is taken."""
    stretched: bool = False
    """The file's levels use little of their range: their own range is shown."""
    dim: bool = False
    """More than half of the pixels lie at one end of the range, and nothing says why."""
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
        :data:`harness.data.defects.read_notes.COUNTED` each."""
        kinds = ["turned"] if self.turned != 1 else []
        if self.window:
            kinds.append("window")
        elif self.stretched:
            kinds.append("dark")
        judged = deep_grey(self.grey, 255) if self.halved else None
        if judged is not None and judged.stretched:
            kinds.append("dark-colour" if np.median(self.grey) < 128 else "dim")
        elif self.dim or (judged is not None and judged.dim):
            kinds.append("dim")
        return tuple(kinds)


def whole_range(levels: NDArray[np.integer], highest: int) -> NDArray[np.uint8]:
    """Levels 0 to ``highest`` as 0 to 255, rounded: ``levels * 255 / highest``."""
    return ((levels.astype(np.uint64) * 255 + highest // 2) // highest).astype(np.uint8)


def own_range(values: _Values, counted: NDArray[np.bool_] | None = None) -> Shown:
    """The values with their own range as 0 to 255.

    The range reaches from the 1st to the 99th percentile, and beyond either by a quarter of their
    distance, but not beyond the lowest and highest value. Values outside are black or white.
    Burnt-in markers do not count where they would leave less than a quarter to the film.

    Args:
        counted: the values that the range is of, [H, W]; all where it is None or marks none.
    """
    return _stretched(values, _spectrum(values, counted))


def _stretched(values: _Values, film: _Spectrum) -> Shown:
    while (unmarked := _without_marker(film, empty=1 - _DARK)) is not None:
        film = unmarked
    first, last = map(film.at, _OUTLIERS)
    margin = _MARGIN * (last - first)
    low, high = max(film.lowest, first - margin), min(film.highest, last + margin)
    if high <= low:
        low, high = film.lowest, film.highest
    share = (values.astype(np.float64) - low) / max(high - low, 1e-12)
    return Shown(to_bytes(share), stretched=True, dim=_at_one_end(film, low, high))


def to_bytes(share: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Shares of full white as levels 0 to 255; what is beyond 0 and 1 is black and white."""
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def deep_grey(
    levels: NDArray[np.integer], highest: int, counted: NDArray[np.bool_] | None = None
) -> Shown:
    """Levels of more than 8 bits, 0 as black, as 8 bits: by their own range where that is less
    than a quarter at either end of the range from 0 to ``highest``.

    Pixels at the other end itself, as burnt-in markers and borders are, do not count, however many
    there are.

    Args:
        counted: as of :func:`own_range`.
    """
    every = _spectrum(levels, counted)
    quarter = _DARK * highest
    for end in (highest, 0):
        film: _Spectrum | None = every.where(every.levels != end)
        while film is not None and len(film.levels) > 1:
            first, last = map(film.at, _OUTLIERS)
            if (last < quarter) if end else (first > highest - quarter):
                return _stretched(levels, film)
            film = _without_marker(film, empty=0.5)
    below = every.where(every.levels != highest)
    dim = len(below.levels) > 1 and _at_one_end(below, 0, highest)
    return Shown(whole_range(levels, highest), dim=dim)


def _at_one_end(film: _Spectrum, low: float, high: float) -> bool:
    """Whether more than half of the pixels lie in the lowest or highest quarter of the range."""
    if high <= low:
        return False
    return not _DARK <= (film.at(0.5) - low) / (high - low) <= 1 - _DARK


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """How many pixels have each level."""

    levels: NDArray[np.float64]
    """Ascending; at least one."""
    counts: NDArray[np.int64]

    @property
    def lowest(self) -> float:
        return float(self.levels[0])

    @property
    def highest(self) -> float:
        return float(self.levels[-1])

    def at(self, share: float) -> float:
        """The level that this share of the pixels does not exceed, the nearest that there is."""
        up_to = np.cumsum(self.counts)
        place = np.rint(share * (up_to[-1] - 1))
        return float(self.levels[np.searchsorted(up_to, place, side="right")])

    def where(self, chosen: NDArray[np.bool_]) -> _Spectrum:
        return _Spectrum(self.levels[chosen], self.counts[chosen])


def _spectrum(values: _Values, counted: NDArray[np.bool_] | None) -> _Spectrum:
    inside = values[counted] if counted is not None and counted.any() else values.ravel()
    if np.issubdtype(inside.dtype, np.integer):
        whole = inside.astype(np.int64)
        lowest = int(whole.min())
        if int(whole.max()) - lowest < _COUNTABLE:
            counts = np.bincount(whole - lowest)
            present = np.flatnonzero(counts)
            return _Spectrum((present + lowest).astype(np.float64), counts[present])
    levels, counts = np.unique(inside.astype(np.float64), return_counts=True)
    return _Spectrum(levels, counts)


def _without_marker(film: _Spectrum, *, empty: float) -> _Spectrum | None:
    """The levels without those of a marker; None where none is seen.

    Markers are letters, borders, a shield of lead: at most a tenth of the pixels.

    Args:
        empty: the share of the range from the lowest to the highest level that lies, at least,
            without pixels between them and the film.
    """
    if len(film.levels) < 2:
        return None
    span = film.highest - film.lowest
    place = np.minimum((film.levels - film.lowest) * (_BINS / span), _BINS - 1).astype(np.int64)
    held = np.bincount(place, film.counts, _BINS)
    busy = np.flatnonzero(held >= _HARDLY * held.sum())
    if len(busy) < 2:
        return None
    widest = int(np.argmax(np.diff(busy)))
    if busy[widest + 1] - busy[widest] <= empty * _BINS:
        return None
    below, above = place <= busy[widest], place >= busy[widest + 1]
    rest = film.where(below if film.counts[below].sum() > film.counts[above].sum() else above)
    enough = rest.counts.sum() >= (1 - _MARKED) * film.counts.sum()
    return rest if enough and len(rest.levels) > 1 else None
