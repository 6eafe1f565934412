"""Overlap of predicted and reference masks as functions of stored predictions.

Two empty masks agree, so their overlap is 1. None where no image has a reference mask.
Formulas: ``docs/metrics.md``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.results.predictions import MaskPredictions


def dice(predictions: MaskPredictions) -> float | None:
    """Mean over the images of 2 |P and R| / (|P| + |R|) (Dice 1945), in [0, 1]."""
    areas = predictions.predicted_area + predictions.reference_area
    return _mean(_overlap(2 * predictions.intersection, areas))


def dice_pooled(predictions: MaskPredictions) -> float | None:
    """Dice of all pixels of the set taken as one mask, in [0, 1]: large masks weigh more."""
    areas = predictions.predicted_area + predictions.reference_area
    pooled = _overlap(2 * predictions.intersection.sum(keepdims=True), areas.sum(keepdims=True))
    return float(pooled[0]) if predictions.ids else None


def iou(predictions: MaskPredictions) -> float | None:
    """Mean over the images of |P and R| / |P or R| (Jaccard 1901), in [0, 1]."""
    areas = predictions.predicted_area + predictions.reference_area
    return _mean(_overlap(predictions.intersection, areas - predictions.intersection))


def _overlap(shared: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    both_empty = np.ones(len(shared), dtype=np.float64)
    return np.divide(shared, whole, out=both_empty, where=whole > 0)


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
