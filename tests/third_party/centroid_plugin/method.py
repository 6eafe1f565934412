"""Nearest centroid on thumbnails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import FitContext, LabelledImages, Predictions, Problem


class NearestCentroid:
    """Probabilities are the softmax of the negative mean squared distance to each centroid."""

    def __init__(self, problem: Problem, *, side: int) -> None:
        self.classes = len(problem.classes)
        self.side = side
        self.centroids = np.zeros((self.classes, side * side), dtype=np.float32)

    def skip(self) -> str | None:
        return None

    def fit(self, train: LabelledImages, val: LabelledImages, context: FitContext) -> None:
        features = self._thumbnails(train.pixels)
        for index in range(self.classes):
            members = features[train.labels == index]
            if len(members):
                self.centroids[index] = members.mean(axis=0)
        context.report({"images": float(len(train))})

    def predict(self, images: NDArray[np.uint8]) -> Predictions:
        features = self._thumbnails(images)
        distance = ((features[:, None] - self.centroids[None]) ** 2).mean(axis=2)
        scores = np.exp(distance.min(axis=1, keepdims=True) - distance)
        return {"label": (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)}

    def save(self, directory: Path) -> None:
        np.save(directory / "centroids.npy", self.centroids)

    def load(self, directory: Path) -> None:
        self.centroids = np.load(directory / "centroids.npy")

    def _thumbnails(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """[B, side * side] means of the blocks of [B, size, size]; what is left over is cut off."""
        block = images.shape[1] // self.side
        cut = images[:, : block * self.side, : block * self.side].astype(np.float32)
        blocks = cut.reshape(len(images), self.side, block, self.side, block)
        return blocks.mean(axis=(2, 4)).reshape(len(images), -1) / 255
