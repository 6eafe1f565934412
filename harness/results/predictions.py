"""What a cell predicted on one set, image by image: everything that is measured comes from here.

Masks are bit-packed (:mod:`harness.results.packed_masks`) on the dataset's native mask grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.results.packed_masks import check_bits, count_pixels, unpack_masks

Reference = Callable[[tuple[str, ...]], NDArray[np.uint8]]
"""Image ids -> their bit-packed reference masks, uint8 [N, B], in the same order."""

_TOLERANCE = 1e-4
"""How far rounding may carry a probability outside [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class ClassPredictions:
    """Reference labels and predicted class probabilities of N images, C classes.

    Raises:
        HarnessError: on construction, where shapes disagree or a value is out of range.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    """Reference class per image, [N]."""
    probabilities: NDArray[np.float32]
    """[N, C], each in [0, 1]."""
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        check_labels(self.ids, self.labels, self.classes)
        check_probabilities(self.ids, self.probabilities, self.classes)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class per image, the first of equals, [N]."""
        winners: NDArray[np.int64] = np.argmax(self.probabilities, axis=1)
        return winners

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Images by reference class (row) and predicted class (column), [C, C]."""
        count = len(self.classes)
        pairs = self.labels * count + self.predicted
        return np.bincount(pairs, minlength=count * count).astype(np.int64).reshape(count, count)

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """Indices of the classes that occur in the reference labels, ascending."""
        return np.flatnonzero(self.confusion.sum(axis=1)).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class MaskPredictions:
    """Predicted and reference masks of the N images that have a reference; N may be 0.

    Raises:
        HarnessError: on construction, where the two do not have the shape that the grid asks for.
    """

    ids: tuple[str, ...]
    predicted_bits: NDArray[np.uint8]
    """Bit-packed, [N, B]."""
    reference_bits: NDArray[np.uint8]
    """Bit-packed, [N, B]."""
    grid: int
    """Pixels per side."""
    sums: NDArray[np.float64] | None = None
    """Per image, over the pixels of the network's input, of p · g, p and g, [N, 3]: p the predicted
    probability, g in [0, 1] the reference mask resized with grey levels at its edge. None where the
    prediction file was written without."""

    def __post_init__(self) -> None:
        for what in ("predicted_bits", "reference_bits"):
            check_bits(what, getattr(self, what), len(self.ids), self.grid)
        if self.sums is not None:
            check_sums(len(self.ids), self.sums)

    @cached_property
    def intersection(self) -> NDArray[np.int64]:
        """Pixels in both masks, per image, [N]."""
        return count_pixels(self.predicted_bits & self.reference_bits)

    @cached_property
    def predicted_area(self) -> NDArray[np.int64]:
        """Pixels in the predicted mask, per image, [N]."""
        return count_pixels(self.predicted_bits)

    @cached_property
    def reference_area(self) -> NDArray[np.int64]:
        """Pixels in the reference mask, per image, [N]."""
        return count_pixels(self.reference_bits)

    def pair(self, index: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Predicted and reference mask of one image, bool [grid, grid] each: for metrics of shape,
        such as distances between boundaries."""
        one = slice(index, index + 1)
        return (
            unpack_masks(self.predicted_bits[one], self.grid)[0],
            unpack_masks(self.reference_bits[one], self.grid)[0],
        )


def check_labels(ids: tuple[str, ...], labels: NDArray[np.int64], classes: tuple[str, ...]) -> None:
    if not ids:
        raise HarnessError("predictions of no images")
    if labels.shape != (len(ids),):
        raise HarnessError(f"labels have shape {labels.shape}, not ({len(ids)},)")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise HarnessError(f"a label is outside the {len(classes)} classes")


def check_probabilities(
    ids: tuple[str, ...], values: NDArray[np.float32], classes: tuple[str, ...]
) -> None:
    """HarnessError unless there is a probability per image and class, [N, C] in [0, 1]."""
    expected = (len(ids), len(classes))
    if values.shape != expected:
        raise HarnessError(f"class probabilities have shape {values.shape}, not {expected}")
    # NaN compares false, so it counts as outside.
    inside = ((values >= -_TOLERANCE) & (values <= 1 + _TOLERANCE)).all(axis=1)
    if not inside.all():
        first = int(np.flatnonzero(~inside)[0])
        raise HarnessError(
            f"{int((~inside).sum())} images have class probabilities outside [0, 1], "
            f"the first is {ids[first]}: {values[first].tolist()}"
        )


def check_sums(count: int, sums: NDArray[np.float64]) -> None:
    """HarnessError unless there are three finite sums, none below 0, per image: [N, 3]."""
    if sums.shape != (count, 3):
        raise HarnessError(f"mask_sums has shape {sums.shape}, not ({count}, 3)")
    if not np.isfinite(sums).all() or (sums < 0).any():
        raise HarnessError("probabilities of masks are negative or not a number (mask_sums)")


def check_counts(count: int, counts: NDArray[np.int64]) -> None:
    """HarnessError unless there are three counts of pixels per image, [N, 3], and no more in both
    masks than in either."""
    if counts.shape != (count, 3) or counts.dtype.kind not in "iu":
        raise HarnessError(f"mask_counts is {counts.dtype} {counts.shape}, not int ({count}, 3)")
    if (counts < 0).any() or (counts[:, 0] > counts[:, 1:].min(axis=1)).any():
        raise HarnessError("counts of pixels of masks contradict each other (mask_counts)")
