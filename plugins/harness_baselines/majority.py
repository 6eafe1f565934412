"""The classes' frequencies as the prediction for every image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import harness

FILE = "majority.npz"


class Majority:
    """A :class:`harness.Method` that never looks at an image."""

    def __init__(self, problem: harness.Problem) -> None:
        self._classes = len(problem.classes)
        self._frequencies: NDArray[np.float32] = np.empty(0, np.float32)

    def skip(self) -> str | None:
        return None

    def fit(
        self,
        train: harness.LabelledImages,
        val: harness.LabelledImages,
        context: harness.FitContext,
    ) -> None:
        counts = np.bincount(train.labels, minlength=self._classes)
        self._frequencies = (counts / counts.sum()).astype(np.float32)

    def predict(self, images: NDArray[np.uint8]) -> harness.Predictions:
        return {"label": np.tile(self._frequencies, (len(images), 1))}

    def save(self, directory: Path) -> None:
        np.savez(directory / FILE, allow_pickle=False, frequencies=self._frequencies)

    def load(self, directory: Path) -> None:
        with np.load(directory / FILE, allow_pickle=False) as stored:
            self._frequencies = stored["frequencies"]
