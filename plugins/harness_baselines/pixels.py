"""Logistic regression on what is left of an image at 8x8 pixels.

It cannot see a lesion. What it scores comes from exposure, framing and field of view: in other
words, from where the image was taken.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import harness

FILE = "pixels.npz"
THUMBNAIL = 8
PERCENTILES = (5, 25, 50, 75, 95)
IMAGES_AT_ONCE = 256

Array = NDArray[np.float64]


class Pixels:
    """A :class:`harness.Method`: standardised features and multinomial logistic regression."""

    def __init__(self, problem: harness.Problem) -> None:
        self._classes = len(problem.classes)
        self._model: dict[str, NDArray[Any]] = {}

    def skip(self) -> str | None:
        return None

    def fit(
        self,
        train: harness.LabelledImages,
        val: harness.LabelledImages,
        context: harness.FitContext,
    ) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        present = np.unique(train.labels)
        if len(present) < 2:
            raise harness.HarnessError(
                "all training images are of one class; a regression needs two at least"
            )
        parts = range(0, len(train), IMAGES_AT_ONCE)
        inputs = np.concatenate([features(train.pixels[i : i + IMAGES_AT_ONCE]) for i in parts])
        scaler = StandardScaler().fit(inputs)
        regression = LogisticRegression(max_iter=1000)
        regression.fit(scaler.transform(inputs), train.labels)
        weights, bias = regression.coef_, regression.intercept_
        if len(present) == 2:
            # scikit-learn keeps one row then: the log-odds of the second class.
            weights, bias = np.vstack([0 * weights, weights]), np.append(0.0, bias)
        self._model = {
            "mean": scaler.mean_,
            "scale": scaler.scale_,
            "weights": weights,
            "bias": bias,
            "present": present,
        }

    def predict(self, images: NDArray[np.uint8]) -> harness.Predictions:
        model = self._model
        inputs = (features(images) - model["mean"]) / model["scale"]
        logits = inputs @ model["weights"].T + model["bias"]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = np.zeros((len(images), self._classes), np.float32)
        probabilities[:, model["present"]] = odds / odds.sum(axis=1, keepdims=True)
        return {"label": probabilities}

    def save(self, directory: Path) -> None:
        np.savez(directory / FILE, allow_pickle=False, **self._model)

    def load(self, directory: Path) -> None:
        with np.load(directory / FILE, allow_pickle=False) as stored:
            self._model = dict(stored)


def features(images: NDArray[np.uint8]) -> Array:
    """Features [B, 71] of grey images [B, H, W], sides of 8 pixels at least: the means of 8x8
    areas, then mean, standard deviation and percentiles, all of grey levels in [0, 1]."""
    grey = images.astype(np.float64) / 255
    thumbnails = _area_means(_area_means(grey, axis=1), axis=2)
    flat = grey.reshape(len(grey), -1)
    statistics = [flat.mean(axis=1), flat.std(axis=1), *np.percentile(flat, PERCENTILES, axis=1)]
    return np.column_stack([thumbnails.reshape(len(grey), -1), *statistics])


def _area_means(images: Array, axis: int) -> Array:
    """Means over eight stretches of the axis, equally long to within one pixel."""
    edges = np.linspace(0, images.shape[axis], THUMBNAIL + 1).astype(int)
    lengths = np.expand_dims(np.diff(edges), tuple({0, 1, 2} - {axis}))
    means: Array = np.add.reduceat(images, edges[:-1], axis=axis) / lengths
    return means
