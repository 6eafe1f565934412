"""Points and areas of the curves of one class against the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics import classification
from harness.results.predictions import ClassPredictions

Floats = NDArray[np.float64]
Scores = tuple[NDArray[np.bool_], NDArray[np.float32]]
"""Whether an image is of the class, and the probability that it was given; both [N]."""

STEPS = 32
"""Steps of a curve from 0 to 1."""
BINS = 10
GRID = np.linspace(0.0, 1.0, STEPS + 1)


def scores(one: ClassPredictions, index: int) -> Scores:
    """Of the class with that index."""
    return one.labels == index, one.probabilities[:, index]


def roc(given: Scores) -> Floats:
    """True positive rates at the false positive rates of :data:`GRID`, straight between the
    thresholds."""
    positive, _ = given
    hits, misses = _counts(given)
    true, false = hits / positive.sum(), misses / (~positive).sum()
    # Of equal false positive rates the highest point: the curve goes straight up there.
    last = np.append(false[1:] != false[:-1], True)
    return np.asarray(np.interp(GRID, false[last], true[last]), dtype=np.float64)


def precision_recall(given: Scores) -> Floats:
    """Precision at the highest threshold that reaches each recall of :data:`GRID`."""
    hits, misses = _counts(given)
    recall, precision = hits[1:] / hits[-1], hits[1:] / (hits[1:] + misses[1:])
    at = np.searchsorted(recall, np.maximum(GRID, recall[0]) - 1e-12, side="left")
    return np.asarray(precision[np.minimum(at, len(precision) - 1)], dtype=np.float64)


def area_under_roc(given: Scores) -> float:
    """As the metric AUROC takes it of each class."""
    positive, score = given
    return classification.area_under_roc(score, positive)


def average_precision(given: Scores) -> float:
    """The sum of the precisions at all thresholds, each weighted by the recall that it adds."""
    hits, misses = _counts(given)
    return float((np.diff(hits) / hits[-1] * hits[1:] / (hits[1:] + misses[1:])).sum())


def _counts(given: Scores) -> tuple[Floats, Floats]:
    """Images of the class, and others, with a score of at least each threshold: that above all
    scores, and every score from the highest to the lowest."""
    positive, score = given
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    hits = np.cumsum(positive[order])[last]
    every = np.flatnonzero(last) + 1
    return np.append(0.0, hits), np.append(0.0, every - hits)


def calibration_error(one: ClassPredictions) -> float:
    """Expected calibration error: over bins of the largest probability, the mean distance of
    accuracy and probability, weighted by images (Guo et al. 2017, On Calibration of Modern Neural
    Networks)."""
    largest = one.probabilities.max(axis=1).astype(np.float64)
    right = one.probabilities.argmax(axis=1) == one.labels
    return sum(
        float(chosen.mean()) * abs(float(right[chosen].mean()) - float(largest[chosen].mean()))
        for chosen in bins(largest)
    )


def bins(probability: Floats) -> list[NDArray[np.bool_]]:
    """Which values are in each of :data:`BINS` bins of equal width that has any; 1 is in the
    last."""
    number = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    return [chosen for index in range(BINS) if (chosen := number == index).any()]
