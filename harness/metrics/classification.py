"""Classification metrics as functions of stored predictions.

A macro average is taken over the classes that occur in the reference labels: a class without an
image has no recall to average. :func:`all_classes_defined` tells whether that is all of them.
A class that is never predicted has precision 0. Formulas: ``docs/metrics.md``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.results.predictions import ClassPredictions

MACRO = ("f1", "precision", "recall", "balanced_accuracy", "auroc")
"""Metrics here that average over classes, and so depend on which classes the set holds."""


def f1(predictions: ClassPredictions) -> float | None:
    """Mean over the classes present of 2 TP / (2 TP + FP + FN), in [0, 1]."""
    table = predictions.confusion
    scores = _ratio(2 * np.diag(table), table.sum(axis=0) + table.sum(axis=1))
    return float(scores[predictions.present].mean())


def precision(predictions: ClassPredictions) -> float | None:
    """Mean over the classes present of TP / (TP + FP), 0 where nothing is predicted, in [0, 1]."""
    table = predictions.confusion
    return float(_ratio(np.diag(table), table.sum(axis=0))[predictions.present].mean())


def recall(predictions: ClassPredictions) -> float | None:
    """Mean over the classes present of TP / (TP + FN), in [0, 1]."""
    table = predictions.confusion
    return float(_ratio(np.diag(table), table.sum(axis=1))[predictions.present].mean())


def accuracy(predictions: ClassPredictions) -> float | None:
    """Share of the images whose most probable class is the reference's, in [0, 1]."""
    return float(np.trace(predictions.confusion) / predictions.confusion.sum())


def balanced_accuracy(predictions: ClassPredictions) -> float | None:
    """Mean recall over the classes present: by definition the same number as :func:`recall`."""
    return recall(predictions)


def auroc(predictions: ClassPredictions) -> float | None:
    """Macro one-vs-rest area under the ROC curve, in [0, 1].

    Mean over the classes present, each against all other images; None where only one class is
    present. The area is the Mann-Whitney statistic with midranks for ties (Hanley and McNeil 1982).
    """
    if len(predictions.present) < 2:
        return None
    areas = [
        area_under_roc(predictions.probabilities[:, index], predictions.labels == index)
        for index in predictions.present
    ]
    return float(np.mean(areas))


def mcc(predictions: ClassPredictions) -> float | None:
    """Matthews correlation coefficient of several classes (Gorodkin 2004), in [-1, 1].

    0 where one class is predicted for all images; None where only one class is present.
    """
    if len(predictions.present) < 2:
        return None
    table = predictions.confusion.astype(np.float64)
    count, correct = table.sum(), np.trace(table)
    predicted, reference = table.sum(axis=0), table.sum(axis=1)
    spread = (count**2 - predicted @ predicted) * (count**2 - reference @ reference)
    return float((count * correct - predicted @ reference) / math.sqrt(spread)) if spread else 0.0


def per_class_recall(predictions: ClassPredictions) -> dict[str, float | None]:
    """TP / (TP + FN) by class name; None for a class without an image."""
    table = predictions.confusion
    scores = _ratio(np.diag(table), table.sum(axis=1))
    present = set(predictions.present.tolist())
    return {
        name: float(scores[index]) if index in present else None
        for index, name in enumerate(predictions.classes)
    }


def all_classes_defined(predictions: ClassPredictions) -> bool:
    """Whether every class occurs in the reference labels, so that a macro average covers all."""
    return len(predictions.present) == len(predictions.classes)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    zero = np.zeros(len(part), dtype=np.float64)
    return np.divide(part, whole, out=zero, where=whole > 0)


def area_under_roc(scores: NDArray[np.float32], positive: NDArray[np.bool_]) -> float:
    """Of one class against the rest, in [0, 1]: the Mann-Whitney statistic with midranks for ties.

    Args:
        scores: of each image, [N].
        positive: whether it is of the class, [N]; some are and some are not.
    """
    _, rank_of, counts = np.unique(scores, return_inverse=True, return_counts=True)
    midranks = np.cumsum(counts) - (counts - 1) / 2
    positives = int(positive.sum())
    negatives = len(positive) - positives
    rank_sum = float(midranks[rank_of][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
