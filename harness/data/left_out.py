"""A dataset without some of its images and masks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset, Samples, subset
from harness.errors import HarnessError
from harness.storage.json_files import json_digest


def leave_out(
    dataset: Dataset,
    images: Collection[str],
    masks: Collection[str],
    notes: tuple[str, ...] = (),
) -> Dataset:
    """The dataset without these images, and without the masks of those, each named by id.

    Raises:
        HarnessError: it has no such image, or no image is left.
    """
    whole = dataset.samples
    if unknown := sorted({*images, *masks} - set(whole.ids)):
        raise HarnessError(f"the dataset has no image {unknown[0]!r}, which a run has left out")
    gone, maskless = frozenset(images), frozenset(masks) - frozenset(images)
    kept = np.array([i for i, name in enumerate(whole.ids) if name not in gone], dtype=np.int64)
    if not len(kept):
        raise HarnessError("no image is left: every one has an error; repair the dataset")
    return _Remaining(dataset, _remaining(whole, kept, gone, maskless, notes), kept)


def _remaining(
    whole: Samples,
    kept: NDArray[np.int64],
    gone: frozenset[str],
    maskless: frozenset[str],
    notes: tuple[str, ...],
) -> Samples:
    samples = subset(whole, kept)
    named = np.array([name in maskless for name in samples.ids])
    return replace(
        samples,
        has_mask=samples.has_mask & ~named,
        left_out=tuple(sorted(gone)),
        masks_left_out=tuple(sorted(maskless)),
        notes=(*samples.notes, *notes),
    )


class _Remaining:
    """A dataset without some of its files."""

    def __init__(self, whole: Dataset, samples: Samples, kept: NDArray[np.int64]) -> None:
        self.samples = samples
        self._whole = whole
        self._kept = kept

    @property
    def fingerprint(self) -> str:
        gone = [list(self.samples.left_out), list(self.samples.masks_left_out)]
        return json_digest([self._whole.fingerprint, *gone])

    def image(self, index: int) -> NDArray[np.uint8]:
        return self._whole.image(int(self._kept[index]))

    def mask(self, index: int) -> NDArray[np.bool_]:
        return self._whole.mask(int(self._kept[index]))
