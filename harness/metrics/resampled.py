"""Metrics on every resample of a set at once, from sums under weights: no resample is laid out.

Of classes: metrics that follow from how many images are of each class, are predicted as it, and
both; bit for bit what :mod:`harness.metrics.classification` computes on the resampled images. Of
masks: means over the images, and pooled pixels, from ``PredictionFile.mask_counts``. For any other
metric there is :func:`one_by_one`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics.resampling import Resampling
from harness.metrics.segmentation import overlap
from harness.results.prediction_file import PredictionFile
from harness.results.predictions import ClassPredictions

Floats = NDArray[np.float64]
Counts = NDArray[np.float64]
"""[…, 3, C]: images that are of the class and predicted as it, predicted as it, and of it."""


def f1(counts: Counts) -> Floats:
    """Macro F1 of each table of counts, as :func:`harness.metrics.classification.f1`."""
    hits, predicted, reference = _unpacked(counts)
    return _macro(_ratio(2 * hits, predicted + reference), reference)


def precision(counts: Counts) -> Floats:
    """As :func:`harness.metrics.classification.precision`."""
    hits, predicted, reference = _unpacked(counts)
    return _macro(_ratio(hits, predicted), reference)


def recall(counts: Counts) -> Floats:
    """As :func:`harness.metrics.classification.recall`."""
    hits, _, reference = _unpacked(counts)
    return _macro(_ratio(hits, reference), reference)


def accuracy(counts: Counts) -> Floats:
    """As :func:`harness.metrics.classification.accuracy`."""
    hits, _, reference = _unpacked(counts)
    return _ratio(hits.sum(axis=-1), reference.sum(axis=-1))


def mcc(counts: Counts) -> Floats:
    """As :func:`harness.metrics.classification.mcc`; NaN where one class alone is present."""
    hits, predicted, reference = _unpacked(counts)
    count, correct = reference.sum(axis=-1), hits.sum(axis=-1)
    chance = (predicted * reference).sum(axis=-1)
    spread = (count**2 - (predicted**2).sum(axis=-1)) * (count**2 - (reference**2).sum(axis=-1))
    values = _ratio(count * correct - chance, np.sqrt(spread))
    values[(reference > 0).sum(axis=-1) < 2] = np.nan
    return values


OF_CLASSES: Mapping[str, Callable[[Counts], Floats]] = {
    "f1": f1,
    "precision": precision,
    "recall": recall,
    "balanced_accuracy": recall,
    "accuracy": accuracy,
    "mcc": mcc,
}
"""Name of a metric -> it, from counts."""
OF_MASKS = ("dice", "iou", "dice_pooled")


def has_fast_path(metric: str) -> bool:
    """Whether :func:`on_resamples` computes the metric, given as ``target.metric``."""
    target, _, name = metric.partition(".")
    return name in {"label": tuple(OF_CLASSES), "mask": OF_MASKS}.get(target, ())


def on_resamples(
    metric: str, files: Sequence[PredictionFile], resampling: Resampling
) -> list[Floats | None]:
    """The metric on every resample, [R] for each file; NaN where it is not defined.

    One matrix product for all files. None for a file without the target, or whose masks were stored
    without counts.

    Args:
        metric: as ``target.metric``, one of those that :func:`has_fast_path` names.
        files: of the set that was resampled, or of part of its images.
    """
    target, _, name = metric.partition(".")
    if target == "mask":
        return [_of_masks(name, file, resampling) for file in files]
    labelled = [found for file in files if (found := file.class_predictions()) is not None]
    computed = iter(_of_classes(OF_CLASSES[name], labelled, resampling))
    return [None if file.probabilities is None else next(computed) for file in files]


def class_counts(predictions: Sequence[ClassPredictions], resampling: Resampling) -> list[Counts]:
    """Images of each class, as the functions here take them, [R, 3, C] for each method."""
    per_group = [_per_group(found, resampling) for found in predictions]
    if not per_group:
        return []
    totals = resampling.totals(np.concatenate(per_group, axis=1))
    ends = np.cumsum([part.shape[1] for part in per_group])[:-1]
    return [part.reshape(len(part), 3, -1).copy() for part in np.split(totals, ends, axis=1)]


def one_by_one(
    function: Callable[[ClassPredictions], float | None],
    predictions: ClassPredictions,
    resampling: Resampling,
) -> Floats:
    """Any metric of classes on every resample, [R], each laid out and measured by itself: for
    metrics without a fast path, at the price of R calls. NaN where it is not defined."""
    values = np.full(len(resampling.weights), np.nan)
    for resample in range(len(values)):
        chosen = resampling.images_of(resample, predictions.ids)
        if not len(chosen):
            continue
        value = function(
            ClassPredictions(
                ids=tuple(predictions.ids[index] for index in chosen),
                labels=predictions.labels[chosen],
                probabilities=predictions.probabilities[chosen],
                classes=predictions.classes,
            )
        )
        values[resample] = np.nan if value is None else value
    return values


def _of_classes(
    function: Callable[[Counts], Floats],
    predictions: Sequence[ClassPredictions],
    resampling: Resampling,
) -> list[Floats]:
    return [function(counts) for counts in class_counts(predictions, resampling)]


def _per_group(predictions: ClassPredictions, resampling: Resampling) -> Floats:
    """[G, 3 C]."""
    count = len(predictions.classes)
    rows = resampling.rows(predictions.ids) * count
    right = predictions.predicted == predictions.labels
    places = (
        rows[right] + predictions.labels[right],
        rows + predictions.predicted,
        rows + predictions.labels,
    )
    shape = (resampling.groups, count)
    parts = [np.bincount(p, minlength=shape[0] * shape[1]).reshape(shape) for p in places]
    return np.concatenate(parts, axis=1).astype(np.float64)


def _of_masks(name: str, file: PredictionFile, resampling: Resampling) -> Floats | None:
    if file.mask_counts is None or file.has_mask is None:
        return None
    chosen = np.flatnonzero(file.has_mask)
    ids = [file.ids[index] for index in chosen]
    shared, predicted, reference = file.mask_counts[chosen].T
    if name == "dice_pooled":
        sums = resampling.sums(ids, np.stack([2 * shared, predicted + reference], axis=1))
        both_empty = np.where(resampling.sums(ids, np.ones((len(ids), 1)))[:, 0] > 0, 1.0, np.nan)
        np.divide(sums[:, 0], sums[:, 1], out=both_empty, where=sums[:, 1] > 0)
        return both_empty
    whole = predicted + reference
    parts = (2 * shared, whole) if name == "dice" else (shared, whole - shared)
    values = np.stack([overlap(*parts), np.ones(len(ids))], axis=1)
    sums = resampling.sums(ids, values)
    found = np.full(len(sums), np.nan)
    np.divide(sums[:, 0], sums[:, 1], out=found, where=sums[:, 1] > 0)
    return found


def _unpacked(counts: Counts) -> tuple[Floats, Floats, Floats]:
    return counts[..., 0, :], counts[..., 1, :], counts[..., 2, :]


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _macro(scores: Floats, reference: Floats) -> Floats:
    """The mean over the classes present, [R]; of each pattern of presence by itself, as the order
    of a sum decides its last bit."""
    found = np.full(len(scores), np.nan)
    patterns, which = np.unique(reference > 0, axis=0, return_inverse=True)
    for index, present in enumerate(patterns):
        rows = which.ravel() == index
        if present.any():
            found[rows] = np.ascontiguousarray(scores[rows][:, present]).mean(axis=1)
    return found
