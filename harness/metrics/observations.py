"""What a prediction file says of a metric before any resampling: how much it rests on, what
it comes to without a method, and whether one class is all that is predicted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.metrics.classification import MACRO
from harness.metrics.resampling import group_names
from harness.results.prediction_file import PredictionFile
from harness.results.predictions import ClassPredictions


def observations(metric: str, file: PredictionFile) -> int:
    """How many independent observations a metric rests on: groups of the images that it is of; for
    a mean over C classes, C times the groups of the rarest one.

    Args:
        metric: as ``target.metric``.
    """
    groups = np.array(list(group_names(file).values()), dtype=np.str_)
    target, _, name = metric.partition(".")
    if target == "mask" and file.has_mask is not None:
        groups = groups[file.has_mask]
    if target == "label" and name in MACRO:
        present = np.unique(file.labels)
        rarest = min(len(np.unique(groups[file.labels == label])) for label in present)
        return len(present) * rarest
    return len(np.unique(groups))


def predicts_one_class(predictions: ClassPredictions) -> bool:
    """Whether every image of a set with several classes is predicted as the same one."""
    one = bool((predictions.predicted == predictions.predicted[0]).all())
    return one and len(predictions.present) > 1


def majority(predictions: ClassPredictions) -> ClassPredictions:
    """The same images, all predicted as the class that most of them are of, the first of equals:
    what a metric comes to without looking at an image."""
    labels = predictions.labels
    classes = len(predictions.classes)
    winner = int(np.bincount(labels, minlength=classes).argmax())
    constant = np.zeros((len(labels), classes), dtype=np.float32)
    constant[:, winner] = 1
    return replace(predictions, probabilities=constant)
