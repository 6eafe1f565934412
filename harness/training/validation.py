"""Metrics of the validation part after every epoch, by torchmetrics.

The final figures come from the stored predictions (:mod:`harness.metrics`); a test holds both
equal. A metric that torchmetrics does not serve here is computed by its own spec's function.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
)
from torchmetrics.functional.segmentation import dice_score

from harness.errors import HarnessError
from harness.results.bits import unpack_masks
from harness.results.predictions import PredictionFile, Reference
from harness.results.scoring import TARGET_OF_KIND, score_file
from harness.specs import MetricSpec

SERVED = frozenset({"label.f1", "label.accuracy", "mask.dice"})
"""Metrics that are computed here, from hard predictions."""
CHUNK = 64
"""Masks that torchmetrics is handed at once; it takes eight bytes per pixel."""


def validation_metrics(
    file: PredictionFile,
    metrics: Sequence[MetricSpec],
    primary: Sequence[str],
    reference: Reference,
) -> dict[str, float]:
    """``label.f1``, ``label.accuracy`` and ``mask.dice`` where the file has such a target, and
    ``primary``, the mean of the primary metrics.

    Raises:
        HarnessError: a primary metric is not defined on the validation part.
    """
    values: dict[str, float] = {}
    if file.probabilities is not None:
        values["label.f1"] = macro_f1(file.probabilities, file.labels)
        values["label.accuracy"] = accuracy(file.probabilities, file.labels)
    masks = file.mask_predictions(reference)
    if masks is not None and masks.ids:
        values["mask.dice"] = mean_dice(
            unpack_masks(masks.predicted_bits, masks.grid),
            unpack_masks(masks.reference_bits, masks.grid),
        )
    if all(name in values for name in primary):
        values["primary"] = sum(values[name] for name in primary) / len(primary)
        return values
    chosen = [m for m in metrics if f"{TARGET_OF_KIND.get(m.kind)}.{m.name}" in primary]
    score = score_file(file, chosen, primary, reference, where="validation part")["primary"]
    if score is None:
        raise HarnessError(
            f"{' and '.join(primary)} is not defined on the validation part of {len(file.ids)} "
            "images, so no epoch can be selected; give a split with more of them"
        )
    return {**values, "primary": score}


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
