"""Macro F1, accuracy and Dice while training, by torchmetrics.

Importing torchmetrics takes longer than importing torch, so only what trains by epochs comes here.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
)
from torchmetrics.functional.segmentation import dice_score

CHUNK = 64
"""Masks that torchmetrics is handed at once; it takes eight bytes per pixel."""


def macro_f1(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """F1 [0, 1] averaged over the classes that occur in ``labels``."""
    count = probabilities.shape[1]
    scores = multiclass_f1_score(
        torch.from_numpy(probabilities), torch.from_numpy(labels), num_classes=count, average="none"
    )
    return float(scores[torch.bincount(torch.from_numpy(labels), minlength=count) > 0].mean())


def accuracy(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Share of images whose most probable class is the labelled one."""
    return float(
        multiclass_accuracy(
            torch.from_numpy(probabilities),
            torch.from_numpy(labels),
            num_classes=probabilities.shape[1],
            average="micro",
        )
    )


def mean_dice(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Dice [0, 1] per image of masks [N, grid, grid], averaged; two empty masks agree (1)."""
    scores = torch.cat(
        [
            _dice(predicted[start : start + CHUNK], reference[start : start + CHUNK])
            for start in range(0, len(predicted), CHUNK)
        ]
    )
    return float(scores.double().mean())


def _dice(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> torch.Tensor:
    scores = dice_score(
        torch.from_numpy(predicted).long().unsqueeze(1),
        torch.from_numpy(reference).long().unsqueeze(1),
        num_classes=1,
        average="micro",
        input_format="one-hot",
    )
    both_empty = ~(predicted.any((1, 2)) | reference.any((1, 2)))
    return torch.where(torch.from_numpy(both_empty), 1.0, scores)
