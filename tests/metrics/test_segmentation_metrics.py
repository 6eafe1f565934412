"""The overlap metrics, against torchmetrics and sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_f1_score, binary_jaccard_index

from harness.metrics import segmentation
from harness.results.predictions import MaskPredictions
from tests.builders import mask_predictions


def random_masks(seed: int, *, count: int = 12, grid: int = 13):
    """Predicted and reference masks that agree in most pixels; 13 x 13 is no whole byte."""
    generator = np.random.default_rng(seed)
    reference = generator.random((count, grid, grid)) < generator.uniform(0.1, 0.6, (count, 1, 1))
    predicted = reference ^ (generator.random(reference.shape) < 0.1)
    return predicted, reference


def no_masks() -> MaskPredictions:
    bits = np.zeros((0, 2), dtype=np.uint8)
    return MaskPredictions(ids=(), predicted_bits=bits, reference_bits=bits, grid=4)


def test_dice_equals_the_mean_of_torchmetrics_f1_per_image():
    predicted, reference = random_masks(1)
    expected = binary_f1_score(
        torch.from_numpy(predicted).long(),
        torch.from_numpy(reference).long(),
        multidim_average="samplewise",
    ).mean()
    measured = segmentation.dice(mask_predictions(predicted, reference))
    assert measured == pytest.approx(float(expected), abs=1e-6)


def test_pooled_dice_equals_torchmetrics_f1_of_all_pixels():
    predicted, reference = random_masks(2)
    expected = binary_f1_score(torch.from_numpy(predicted), torch.from_numpy(reference).long())
    measured = segmentation.dice_pooled(mask_predictions(predicted, reference))
    assert measured == pytest.approx(float(expected), abs=1e-6)


def test_iou_equals_the_mean_of_torchmetrics_jaccard_index_per_image():
    predicted, reference = random_masks(3)
    expected = [
        float(binary_jaccard_index(torch.from_numpy(p).long(), torch.from_numpy(r).long()))
        for p, r in zip(predicted, reference, strict=True)
    ]
    measured = segmentation.iou(mask_predictions(predicted, reference))
    assert measured == pytest.approx(np.mean(expected), abs=1e-6)


def test_large_masks_weigh_more_only_when_pooled():
    reference = np.zeros((2, 8, 8), dtype=bool)
    reference[0], reference[1, 0, 0] = True, True
    predicted = reference.copy()
    predicted[1, 0, 0] = False
    masks = mask_predictions(predicted, reference)
    assert segmentation.dice(masks) == 0.5
    assert segmentation.dice_pooled(masks) == pytest.approx(128 / 129)


def test_two_empty_masks_agree_and_one_empty_mask_does_not():
    empty, full = np.zeros((1, 4, 4), dtype=bool), np.ones((1, 4, 4), dtype=bool)
    agree, disagree = mask_predictions(empty, empty), mask_predictions(full, empty)
    for metric in (segmentation.dice, segmentation.dice_pooled, segmentation.iou):
        assert metric(agree) == 1.0
        assert metric(disagree) == 0.0


def test_without_a_reference_mask_nothing_is_defined():
    for metric in (segmentation.dice, segmentation.dice_pooled, segmentation.iou):
        assert metric(no_masks()) is None
