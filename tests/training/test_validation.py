"""Metrics while training (torchmetrics) and of stored predictions (numpy) are the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from harness.bundled import harness_metrics
from harness.cell.validation import fitted_metrics, validation_metrics
from harness.metrics.scoring import score_file
from harness.results.packed_masks import pack_masks
from harness.results.prediction_file import PredictionFile

METRICS = tuple(harness_metrics())
CLASSES = ("a", "b", "c", "d")
GRID = 16


def predicted(
    seed: int, classes_there: int = 4, empty: bool = False
) -> tuple[PredictionFile, dict]:
    """Random predictions of 50 images of which some have a mask, and the reference masks."""
    rng = np.random.default_rng(seed)
    masks = rng.random((50, GRID, GRID)) < 0.4
    guesses = masks ^ (rng.random(masks.shape) < 0.2)
    if empty:
        masks[:3] = guesses[:2] = False
    has_mask = np.arange(50) % 3 != 1
    ids = tuple(f"image-{i}" for i in range(50))
    file = PredictionFile(
        ids=ids,
        labels=rng.integers(0, classes_there, 50),
        classes=CLASSES,
        probabilities=rng.dirichlet(np.ones(4), 50).astype(np.float32),
        mask_bits=pack_masks(guesses),
        mask_grid=GRID,
        has_mask=has_mask,
    )
    return file, dict(zip(ids, pack_masks(masks), strict=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes_there", [2, 3, 4])
@pytest.mark.parametrize("empty", [False, True])
def test_both_agree_to_a_millionth(seed: int, classes_there: int, empty: bool) -> None:
    file, masks = predicted(seed, classes_there, empty)

    def reference(ids: tuple[str, ...]) -> np.ndarray:
        return np.stack([masks[image] for image in ids])

    primary = ("label.f1", "mask.dice")
    running = validation_metrics(file, METRICS, primary, reference)
    final = score_file(file, METRICS, primary, reference, where="test")
    assert final["label"] is not None
    assert final["mask"] is not None
    assert running["label.f1"] == pytest.approx(final["label"]["f1"], abs=1e-6)
    assert running["label.accuracy"] == pytest.approx(final["label"]["accuracy"], abs=1e-6)
    assert running["mask.dice"] == pytest.approx(final["mask"]["dice"], abs=1e-6)
    assert running["primary"] == pytest.approx(final["primary"], abs=1e-6)


def test_a_primary_metric_that_torchmetrics_does_not_serve_comes_from_its_spec() -> None:
    file, masks = predicted(0)
    running = validation_metrics(
        file, METRICS, ("label.mcc",), lambda ids: np.stack([masks[i] for i in ids])
    )
    final = score_file(
        file, METRICS, ("label.mcc",), lambda ids: np.stack([masks[i] for i in ids]), where="test"
    )
    assert running["primary"] == final["primary"]


@pytest.mark.parametrize("primary", [("label.f1", "mask.dice"), ("label.mcc",)])
def test_a_method_that_trains_itself_has_the_same_figures(primary: tuple[str, ...]) -> None:
    file, masks = predicted(1, empty=True)

    def reference(ids: tuple[str, ...]) -> np.ndarray:
        return np.stack([masks[image] for image in ids])

    running = validation_metrics(file, METRICS, primary, reference)
    assert fitted_metrics(file, METRICS, primary, reference) == pytest.approx(running, abs=1e-6)
