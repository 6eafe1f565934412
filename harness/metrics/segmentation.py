"""Overlap of predicted and reference masks as functions of stored predictions.

Two empty masks agree, so their overlap is 1. None where no image has a reference mask.
Formulas: ``docs/metrics.md``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.results.predictions import MaskPredictions

POOLED_IMAGES = 16
"""Images that :func:`dice_soft` pools before it averages."""


def dice(predictions: MaskPredictions) -> float | None:
    """Mean over the images of 2 |P and R| / (|P| + |R|) (Dice 1945), in [0, 1]."""
    areas = predictions.predicted_area + predictions.reference_area
    return _mean(overlap(2 * predictions.intersection, areas))


def dice_pooled(predictions: MaskPredictions) -> float | None:
    """Dice of all pixels of the set taken as one mask, in [0, 1]: large masks weigh more."""
    areas = predictions.predicted_area + predictions.reference_area
    pooled = overlap(2 * predictions.intersection.sum(keepdims=True), areas.sum(keepdims=True))
    return float(pooled[0]) if predictions.ids else None


def iou(predictions: MaskPredictions) -> float | None:
    """Mean over the images of |P and R| / |P or R| (Jaccard 1901), in [0, 1]."""
    areas = predictions.predicted_area + predictions.reference_area
    return _mean(overlap(predictions.intersection, areas - predictions.intersection))


def dice_soft(predictions: MaskPredictions) -> float | None:
    """Dice of probabilities p, without a threshold, and grey masks g, in [0, 1].

    2 Σ p g / (Σ p + Σ g) over the pixels of 16 images in their stored order, at the network's input
    size, and the mean of these ratios over the set; the last may be of fewer images. That is a Dice
    loss, turned round, as a validation loop with batches of 16 averages it. None where the
    predictions were stored without the sums.
    """
    sums = predictions.sums
    if sums is None or not len(sums):
        return None
    products, predicted, reference = np.add.reduceat(
        sums, np.arange(0, len(sums), POOLED_IMAGES), axis=0
    ).T
    return _mean(overlap(2 * products, predicted + reference))


def overlap(shared: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Their ratio, per image; 1 where both masks are empty."""
    both_empty = np.ones(len(shared), dtype=np.float64)
    np.divide(shared, whole, out=both_empty, where=whole > 0)
    return both_empty


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
