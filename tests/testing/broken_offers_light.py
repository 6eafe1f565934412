"""Datasets and metrics that each break exactly one promise, and honest ones; without torch."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import harness

COUNT, SIDE = 12, 16
_NUMBERS = itertools.count()


class Films:
    """Honest: noise, and a mask for every other image."""

    fingerprint = "0123abcd"

    def __init__(self, root: Path | None) -> None:
        self.samples = harness.Samples(
            ids=tuple(map(str, range(COUNT))),
            labels=np.arange(COUNT) % 2,
            classes=("dark", "bright"),
            has_mask=np.arange(COUNT) % 2 == 0,
            mask_size=SIDE,
        )

    def image(self, index: int) -> Any:
        return np.random.default_rng(index).integers(0, 256, (20, 30), dtype=np.uint8)

    def mask(self, index: int) -> Any:
        return np.random.default_rng(index).random((SIDE, SIDE)) < 0.5


class NoDataset:
    def __init__(self, root: Path | None) -> None:
        pass


class Twins(Films):
    def __init__(self, root: Path | None) -> None:
        harness.Samples(
            ids=("a", "a"),
            labels=np.zeros(2, dtype=np.int64),
            classes=("dark",),
            has_mask=np.zeros(2, dtype=bool),
            mask_size=None,
        )


class OtherFingerprint(Films):
    def __init__(self, root: Path | None) -> None:
        super().__init__(root)
        self.fingerprint = f"{next(_NUMBERS):08x}"


class Colours(Films):
    def image(self, index: int) -> Any:
        return np.zeros((20, 30, 3), dtype=np.uint8)


class Floats(Films):
    def image(self, index: int) -> Any:
        return super().image(index) / 255


class SmallMasks(Films):
    def mask(self, index: int) -> Any:
        return np.zeros((SIDE // 2, SIDE // 2), dtype=bool)


class OneBuffer(Films):
    """Gives the pixels of another image where a second thread reads meanwhile."""

    def __init__(self, root: Path | None) -> None:
        super().__init__(root)
        self.index = 0

    def image(self, index: int) -> Any:
        self.index = index
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.01)
        return super().image(self.index)


class Heavy(Films):
    def image(self, index: int) -> Any:
        import torch

        return torch.from_numpy(super().image(index)).numpy()


def accuracy(predictions: harness.ClassPredictions) -> float:
    return float((predictions.predicted == predictions.labels).mean())


def area(predictions: harness.MaskPredictions) -> float | None:
    total = predictions.reference_area.sum()
    return float(predictions.predicted_area.sum() / total) if total else None


def over_absent(predictions: harness.ClassPredictions) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((np.diag(predictions.confusion) / predictions.confusion.sum(axis=1)).min())


def writes(predictions: harness.ClassPredictions) -> float:
    predictions.probabilities[:] = 0
    return 0.5


def draws(predictions: harness.ClassPredictions) -> float:
    return next(_NUMBERS) / 1000


def imports_torch(predictions: harness.ClassPredictions) -> float:
    import torch

    return float(torch.from_numpy(predictions.probabilities).mean())
