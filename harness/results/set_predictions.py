"""What a cell predicted on one set, as arrays for further work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.results.packed_masks import unpack_masks
from harness.results.prediction_file import PredictionFile


@dataclass(frozen=True)
class SetPredictions:
    """Predictions for the N images of one set, with what the dataset knows about these images.

    Images stand in the same order in every array. ``classes`` are C names; a class index is a place
    in it, so that ``classes[labels]`` are the images' reference classes in words.
    """

    file: PredictionFile
    """The prediction file as it was read, with masks bit-packed."""

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """Image ids, [N]."""
        return np.array(self.file.ids, dtype=np.str_)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Reference class per image, [N], each in 0 … C - 1."""
        return self.file.labels

    @cached_property
    def classes(self) -> NDArray[np.str_]:
        """Names of the classes, [C]."""
        return np.array(self.file.classes, dtype=np.str_)

    @property
    def probabilities(self) -> NDArray[np.float32] | None:
        """Predicted probability per image and class, [N, C], in [0, 1]; None where the task has no
        classes. Each row adds up to 1 for a softmax."""
        return self.file.probabilities

    @cached_property
    def predicted(self) -> NDArray[np.int64] | None:
        """The most probable class per image, the first of equals, [N]; None without classes."""
        found = self.file.class_predictions()
        return None if found is None else found.predicted

    @cached_property
    def masks(self) -> NDArray[np.bool_] | None:
        """Predicted masks, [N, H, W] with H = W, thresholded, on the dataset's own mask grid; None
        where the task has no masks. Unpacked on first use: N · H · W bytes. Reference masks are the
        dataset's and not kept with predictions."""
        bits, grid = self.file.mask_bits, self.file.mask_grid
        return None if bits is None or grid is None else unpack_masks(bits, grid)

    @property
    def has_mask(self) -> NDArray[np.bool_] | None:
        """Which images have a reference mask, and so count for metrics of masks, [N]; None where
        the task has no masks."""
        return self.file.has_mask

    @cached_property
    def groups(self) -> NDArray[np.str_] | None:
        """The patient, or another group that a split never divides, per image, [N]; None where the
        dataset has none."""
        groups = self.file.groups
        return None if groups is None else np.array(groups, dtype=np.str_)

    @cached_property
    def sources(self) -> NDArray[np.str_] | None:
        """Where each image comes from, [N]; None where the dataset does not say."""
        sources = self.file.sources
        return None if sources is None else np.array(sources, dtype=np.str_)

    def __len__(self) -> int:
        """N."""
        return len(self.file.ids)

    def __repr__(self) -> str:
        targets = [
            f"{len(self.classes)} classes" if self.probabilities is not None else "",
            f"masks of {self.file.mask_grid} px" if self.file.mask_grid is not None else "",
        ]
        return f"SetPredictions({len(self)} images, {', '.join(filter(None, targets))})"
