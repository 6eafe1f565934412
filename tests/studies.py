"""Made-up studies for tests of what is said of a run: methods of every kind, with predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.metrics import classification
from harness.metrics.segmentation import overlap
from harness.results.prediction_file import PredictionFile
from harness.results.rundir import CellDirectory, find_cells
from tests.builders import CLASSES, image_ids, make_cell

IMAGES = 120
LABELS = tuple(np.random.default_rng(0).choice(4, size=IMAGES, p=[0.1, 0.2, 0.6, 0.1]).tolist())
GROUPS = tuple(f"p{index // 2}" for index in range(IMAGES))
TRAINED = {"parameters_total": 600_000, "parameters_trainable": 600_000, "epochs": 3}
FROZEN = {**TRAINED, "parameters_trainable": 200_000}
ZERO_SHOT = {**TRAINED, "parameters_trainable": 0, "epochs": 0}
NO_NETWORK = {"parameters_total": None, "parameters_trainable": None, "epochs": 0}


def classifier(
    study: Path,
    method: str,
    right: float,
    *,
    order: int = 0,
    labels: Sequence[int] = LABELS,
    present: Sequence[str] = CLASSES,
    predicted: Sequence[int] | None = None,
    **changes: Any,
) -> CellDirectory:
    """A finished cell that is right for so many of the images, in an order of its own."""
    count = len(labels)
    wrong = np.random.default_rng(order).permutation(count)[round(count * right) :]
    answers = np.array(labels if predicted is None else predicted)
    answers[wrong] = (answers[wrong] + 1) % 4 if predicted is None else answers[wrong]
    file = PredictionFile(
        ids=image_ids(count),
        labels=np.array(labels),
        classes=CLASSES,
        groups=GROUPS[:count],
        probabilities=np.eye(4, dtype=np.float32)[answers],
    )
    value = classification.f1(file.class_predictions())
    changes = {"timing": TRAINED, **changes}
    cell = make_cell(study, method, label={"f1": value}, present=present, **changes)
    cell.write_predictions("test", file)
    return cell


def baseline(study: Path, right: float, name: str = "pixels", **changes: Any) -> None:
    cell = classifier(study, f"baselines/{name}", right, timing=NO_NETWORK, **changes)
    record = dict(cell.cell)
    record["method"] = {**record["method"], "family": "baseline"}
    cell.write_cell(record)


def segmenter(
    study: Path, method: str, quality: float, *, spread: float = 0.02, **changes: Any
) -> CellDirectory:
    """A finished cell whose masks overlap by about so much."""
    shared = np.random.default_rng(len(method)).normal(quality, spread, size=IMAGES)
    counts = np.full((IMAGES, 3), 1000)
    counts[:, 0] = np.clip(shared, 0, 1) * 1000
    dice = float(overlap(2 * counts[:, 0], counts[:, 1] + counts[:, 2]).mean())
    given: dict[str, Any] = {
        "task": "segmentation",
        "mask": {"dice": dice},
        "primary": ("mask.dice",),
        "timing": TRAINED,
        **changes,
    }
    cell = make_cell(study, method, **given)
    masks = PredictionFile(
        ids=image_ids(IMAGES),
        labels=np.array(LABELS),
        classes=CLASSES,
        groups=GROUPS,
        probabilities=None
        if given.get("label") is None
        else np.eye(4, dtype=np.float32)[list(LABELS)],
        mask_bits=np.zeros((IMAGES, 1), dtype=np.uint8),
        mask_grid=2,
        has_mask=np.ones(IMAGES, dtype=bool),
        mask_counts=counts,
    )
    cell.write_predictions("test", masks)
    return cell


def whole_study(study: Path) -> None:
    baseline(study, 0.5)
    baseline(study, 1, "majority", predicted=[2] * IMAGES)
    for index, right in enumerate((0.9, 0.8, 0.7, 0.6, 0.55, 0.4)):
        classifier(study, f"supervised/net_{index}", right, order=index)
    classifier(study, "ssl/encoder@full", 0.82, order=7)
    classifier(study, "ssl/encoder@freeze8", 0.83, order=8, timing=FROZEN)
    for index, right in enumerate((0.45, 0.6, 0.75)):
        classifier(study, f"clip/vit@prompt{index}", right, order=10 + index, timing=ZERO_SHOT)
    for name, quality in (("unet", 0.95), ("fpn", 0.9), ("pan", 0.8)):
        segmenter(study, f"segmentation/{name}", quality)
    label = {"f1": classification.f1(_predictions(CellDirectory(next(iter(_cells(study))))))}
    segmenter(
        study,
        "multitask/both",
        0.9,
        task="multitask",
        label=label,
        primary=("label.f1", "mask.dice"),
        twins={"mask": "segmentation/unet", "label": "supervised/net_0"},
    )
    make_cell(study, "x/lost", status="failed", reason="ValueError: no")
    make_cell(study, "y/absent", status="skipped", reason="no weights; use --weights DIR")


def _cells(study: Path) -> list[Path]:
    return [cell.path for cell in find_cells(study)]


def _predictions(cell: CellDirectory):
    return cell.predictions("test").class_predictions()
