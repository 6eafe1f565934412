"""The soft, batch-pooled Dice: sums taken while predicting, against a plain validation loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from harness.bundled import MASK, harness_metrics
from harness.metrics.scoring import score_file
from harness.metrics.segmentation import dice_soft
from harness.results.packed_masks import pack_masks
from harness.results.prediction_file import PredictionFile, read_predictions, write_predictions
from harness.results.predictions import MaskPredictions
from harness.training.batches import Part
from harness.training.fit.outputs import collect
from harness.training.fit.soft_dice import soft_overlap
from tests.trainings import make_part

GRID, SIZE, COUNT = 256, 224, 40


def ellipses(count: int, grid: int) -> NDArray[np.bool_]:
    """A mask per image, [count, grid, grid], each of another size."""
    rows, columns = np.mgrid[:grid, :grid] / grid
    radii = np.linspace(0.1, 0.4, count).reshape(-1, 1, 1)
    inside: NDArray[np.bool_] = ((rows - 0.5) / 0.9) ** 2 + (columns - 0.45) ** 2 < radii**2
    return inside


def part_of(masks: NDArray[np.bool_], size: int) -> Part:
    bits = pack_masks(masks)
    part = make_part(np.zeros((len(masks), size, size), np.uint8), np.arange(len(masks)) % 2)
    return replace(part, reference=lambda rows: bits[rows], mask_grid=masks.shape[1])


def logits_near(masks: torch.Tensor) -> torch.Tensor:
    """A network's logits [N, 1, size, size] that are unsure everywhere."""
    generator = torch.Generator().manual_seed(0)
    return 3 * masks - 1.5 + torch.randn(masks.shape, generator=generator)


def validation_loop(logits: torch.Tensor, masks: torch.Tensor) -> float:
    """Dice of probabilities without a threshold, over batches of 16, averaged."""
    scores = []
    for start in range(0, len(logits), 16):
        p, g = torch.sigmoid(logits[start : start + 16]), masks[start : start + 16]
        scores.append((2 * (p * g).sum() + 1e-5) / (p.sum() + g.sum() + 1e-5))
    return float(torch.stack(scores).mean())


def test_it_is_what_a_loop_says_that_resizes_masks_like_images_and_averages_batches() -> None:
    masks = ellipses(COUNT, GRID)
    resized = [
        Image.fromarray(mask.astype(np.uint8) * 255).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        for mask in masks
    ]
    grey = torch.from_numpy(np.stack([np.asarray(image) for image in resized])).unsqueeze(1) / 255
    assert ((grey > 0) & (grey < 1)).any()
    logits = logits_near(grey)
    part = part_of(masks, SIZE)
    # Predicted in chunks of another size than those that are pooled.
    chunks = ({"mask": logits[start : start + 12]} for start in range(0, COUNT, 12))
    outputs = collect(chunks, {"mask": MASK}, GRID, soft_overlap(part, SIZE))
    assert outputs.mask_bits is not None
    predictions = MaskPredictions(
        ids=part.ids,
        predicted_bits=outputs.mask_bits,
        reference_bits=pack_masks(masks),
        grid=GRID,
        sums=outputs.mask_sums,
    )
    assert dice_soft(predictions) == pytest.approx(validation_loop(logits, grey), abs=1e-5)


def file_of(masks: NDArray[np.bool_], sums: NDArray[np.float64] | None) -> PredictionFile:
    return PredictionFile(
        ids=tuple(f"image-{i}" for i in range(len(masks))),
        labels=np.zeros(len(masks), np.int64),
        classes=("a", "b"),
        mask_bits=pack_masks(masks),
        mask_grid=masks.shape[1],
        has_mask=np.arange(len(masks)) != 1,
        mask_sums=sums,
    )


def scored(file: PredictionFile, masks: NDArray[np.bool_]) -> dict[str, float | None]:
    by_id = dict(zip(file.ids, pack_masks(masks), strict=True))
    values = score_file(
        file,
        tuple(harness_metrics()),
        ("mask.dice",),
        lambda ids: np.stack([by_id[i] for i in ids]),
        where="test",
    )["mask"]
    assert values is not None
    return values


def test_it_is_a_function_of_the_stored_file_over_the_images_with_a_mask(tmp_path) -> None:
    masks = ellipses(4, 16)
    sums = np.array([[3.0, 4.0, 5.0], [9.0, 9.0, 0.0], [1.0, 2.0, 3.0], [0.0, 1.0, 2.0]])
    write_predictions(tmp_path / "predictions-test.npz", file_of(masks, sums))
    again = read_predictions(tmp_path / "predictions-test.npz")
    assert scored(again, masks)["dice_soft"] == pytest.approx(2 * 4 / (4 + 2 + 1 + 5 + 3 + 2))


def test_a_file_without_the_sums_has_no_soft_dice_and_all_else(tmp_path) -> None:
    masks = ellipses(4, 16)
    write_predictions(tmp_path / "predictions-test.npz", file_of(masks, None))
    values = scored(read_predictions(tmp_path / "predictions-test.npz"), masks)
    assert values["dice_soft"] is None
    assert values["dice"] == 1.0
