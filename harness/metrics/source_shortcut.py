"""Whether the source of an image gives its class away: what a method could score by acquisition
alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Shares of images, in [0, 1]."""

    by_source: float
    """Of which the class is the most frequent one in the other half of their source."""
    by_majority: float
    """Of the most frequent class."""

    @property
    def gain(self) -> float:
        """What knowing the source adds."""
        return self.by_source - self.by_majority


def source_shortcut(
    labels: NDArray[np.int64], sources: Sequence[str], classes: int
) -> Shortcut | None:
    """How far the class follows from the source.

    The images of each source are dealt out into two halves, in turn, and each half is judged by the
    other: counted with itself, a source of few images would seem to tell much. Where the other half
    is empty, the most frequent class of all is taken; of equal classes the first.

    Args:
        labels: class index of each image, [N].
        sources: of each image.
        classes: how many there are.

    Returns:
        None where all images are of one source, or there are fewer than two.
    """
    names, place = np.unique(np.asarray(sources), return_inverse=True)
    if len(names) < 2:
        return None
    # The number of an image among those of its source.
    order = np.argsort(place, kind="stable")
    first = np.searchsorted(place[order], np.arange(len(names)))
    half = np.empty(len(labels), dtype=np.int64)
    half[order] = (np.arange(len(labels)) - first[place[order]]) % 2
    counts = np.zeros((2, len(names), classes), dtype=np.int64)
    np.add.at(counts, (half, place, labels), 1)
    every = counts.sum(axis=(0, 1))
    others = counts[1 - half, place]
    answer = np.where(others.any(axis=1), others.argmax(axis=1), every.argmax())
    return Shortcut(float((answer == labels).mean()), float(every.max() / len(labels)))
