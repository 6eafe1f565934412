"""Made-up results for tests: prediction records from random numbers, and whole cell directories."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.results.packed_masks import pack_masks
from harness.results.prediction_file import PredictionFile
from harness.results.predictions import ClassPredictions, MaskPredictions
from harness.results.rundir import CellDirectory
from harness.specs import MetricSpec

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")

PROTOCOL = {"name": "quick", "image_size": 64, "epochs": 3, "learning_rate": 0.0003}

QUIET = {"wall_seconds": 9.0, "cpu_seconds": 8.9, "other_load": 0.1}
"""A block that nothing held up."""
DISTURBED = {"wall_seconds": 36.0, "cpu_seconds": 9.4, "other_load": 1.9}
"""A block that other work held up."""

TIMING = {
    "blocks": dict.fromkeys(("train", "validate", "latency", "throughput", "end_to_end"), QUIET),
    "epochs": 3,
    "minutes_per_epoch": 0.05,
    "cpu_minutes_per_epoch": 0.04,
    "images_per_second_train": 85.3,
    "images_per_cpu_second_train": 86.4,
    "latency_ms": {"p50": 3.21, "p95": 4.5, "calls": 40, "cpu_p50": 3.19},
    "peak_memory_bytes": 327155712,
    "memory_kind": "rss",
    "parameters_total": 1_300_000,
    "parameters_trainable": 20_000,
    "input_size": 64,
    "shared_seconds": 0.0,
}


UNKNOWN_MACHINE = {"cpu": "unknown processor", "threads": 1}
"""That of a cell whose machine does not matter."""


def metric_specs() -> tuple[MetricSpec, ...]:
    """The metrics of this repository's core, in the order of the table."""

    def spec(kind: str, name: str, label: str) -> MetricSpec:
        module = "classification" if kind == "classes" else "segmentation"
        function = f"harness.metrics.{module}:{name}"
        return MetricSpec(name=name, kind=kind, function=function, label=label, summary=label)

    return (
        spec("classes", "f1", "F1"),
        spec("classes", "precision", "precision"),
        spec("classes", "recall", "recall"),
        spec("classes", "accuracy", "accuracy"),
        spec("classes", "balanced_accuracy", "balanced acc"),
        spec("classes", "auroc", "AUROC"),
        spec("classes", "mcc", "MCC"),
        spec("binary-mask", "dice", "Dice"),
        spec("binary-mask", "dice_pooled", "pooled Dice"),
        spec("binary-mask", "iou", "IoU"),
    )


def epoch_line(epoch: int) -> dict[str, Any]:
    """What an epoch adds to the history."""
    return {
        "event": "epoch",
        "epoch": epoch,
        "stage": "train",
        "loss": 0.5,
        "train_seconds": 1.0,
        "val": {"primary": 0.5},
    }


def image_ids(count: int) -> tuple[str, ...]:
    return tuple(f"image-{index}" for index in range(count))


def class_predictions(
    labels: Sequence[int], probabilities: Any, classes: tuple[str, ...] = CLASSES
) -> ClassPredictions:
    return ClassPredictions(
        ids=image_ids(len(labels)),
        labels=np.asarray(labels, dtype=np.int64),
        probabilities=np.asarray(probabilities, dtype=np.float32),
        classes=classes,
    )


def random_class_predictions(
    *, seed: int, count: int = 60, drawn: Sequence[int] = (0, 1, 2, 3), ties: bool = False
) -> ClassPredictions:
    """Labels among ``drawn``; probabilities that lean to them, on a coarse grid where ``ties``."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(np.asarray(drawn), size=count)
    scores = generator.random((count, 4)) + 0.5 * np.eye(4)[labels]
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    if ties:
        probabilities = np.round(probabilities * 8) / 8
    return class_predictions(labels.tolist(), probabilities)


def mask_predictions(predicted: Any, reference: Any) -> MaskPredictions:
    """From masks [N, grid, grid] of 0 and 1."""
    predicted, reference = np.asarray(predicted, dtype=bool), np.asarray(reference, dtype=bool)
    return MaskPredictions(
        ids=image_ids(len(predicted)),
        predicted_bits=pack_masks(predicted),
        reference_bits=pack_masks(reference),
        grid=predicted.shape[1],
    )


def make_cell(
    study: Path,
    method: str = "demo/net",
    *,
    task: str = "classification",
    status: str | None = "ok",
    reason: str = "",
    log_tail: Sequence[str] = (),
    concurrent: bool = False,
    label: Mapping[str, float | None] | None = None,
    mask: Mapping[str, float | None] | None = None,
    primary: Sequence[str] = ("label.f1",),
    present: Sequence[str] = CLASSES,
    timing: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] | None = None,
    seed: int = 0,
    fraction: float = 1.0,
    code: str = "1",
    created: str = "2026-01-01T10:00:00+00:00",
    device: str = "cpu",
    dataset: str = "phantom",
    root: str | None = None,
    fingerprint: str = "f" * 32,
    protocol: Mapping[str, Any] = PROTOCOL,
    deviations: Mapping[str, Sequence[Any]] | None = None,
    changed_params: Mapping[str, Sequence[Any]] | None = None,
    twins: Mapping[str, str] | None = None,
    split_notes: Sequence[str] = (),
    selected_on_test: bool = False,
    split: str = "d",
    fold: tuple[int, int] | None = None,
    images: Sequence[str] | None = None,
    labels: Sequence[int] = (0, 1, 2, 3),
    predicted: Sequence[int] = (0, 1, 2, 3),
    trained_on: Mapping[str, Any] | None = None,
) -> CellDirectory:
    """Write a cell that ended with ``status`` (None: unfinished), scored where ``label`` or
    ``mask`` is given.

    Args:
        images: of its prediction files, all with a mask where ``mask`` is given; None for four.
        labels, predicted: class indices of each image, where ``label`` is given.
        trained_on: what its record says of the train part.
        fold: its number and how many there are; ``split`` is what all of them share.
    """
    deviations = deviations or {}
    used = {**protocol, **{name: pair[1] for name, pair in deviations.items()}}
    identity = {
        "method": method,
        "dataset": dataset,
        "dataset_fingerprint": fingerprint,
        "protocol": used,
        "device": device,
        "seed": seed,
        "fraction": fraction,
        "params": {name: pair[1] for name, pair in (changed_params or {}).items()},
    }
    if fold is not None:
        identity["split"] = f"{split}-{fold[0]}"
    text = json.dumps([identity, code], sort_keys=True)
    name = f"seed{seed}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    cell = CellDirectory(study / "cells" / method.replace("/", "--") / dataset / name)
    record: Any = {
        "schema": 1,
        "id": method,
        "name": name,
        "hash": name,
        "created": created,
        "identity": identity,
        "provenance": {"harness": code},
        "method": {
            "task": task,
            "family": "supervised",
            "summary": "A network",
            "params": {},
            "twins": dict(twins or {}),
            "weights": None,
            "dist": "demo",
            "version": "1.0",
        },
        "task": {"name": task},
        "metrics": [],
        "deviations": deviations,
        "changed_params": changed_params or {},
        "dataset": {
            "name": dataset,
            "root": root,
            "fingerprint": fingerprint,
            "factory": "demo:dataset",
            "params": {},
            "classes": list(CLASSES),
        },
        "data": {
            "train": {"images": 256, "masks": 200, **(trained_on or {})},
            "val": {"images": 64, "masks": 50},
            "test": {"images": 128, "masks": 100},
        },
        "split": {
            "digest": identity.get("split", split),
            "selected_on_test": selected_on_test,
            "notes": list(split_notes),
            **(
                {}
                if fold is None
                else {"fold": {"number": fold[0], "of": fold[1], "digest": split}}
            ),
        },
        "protocol": used,
        "weights": {"kind": "random", "card": None, "digest": None, "files": []},
        "weights_directory": None,
        "seed": seed,
        "fraction": fraction,
        "device": device,
        "precision": "fp32",
    }
    cell.write_cell(record)
    ok = status == "ok"
    if environment is not None or ok:
        cell.write_environment(environment or UNKNOWN_MACHINE)
    if ok:
        cell.append_history(epoch_line(1))
    if label is not None or mask is not None:
        cell.write_metrics(_metrics(label, mask, primary, present))
        file = _predictions(images or image_ids(4), labels, predicted, label, mask)
        for part in ("val", "test"):
            cell.write_predictions(part, file)
    if timing is not None or status == "ok":
        cell.write_timing({**TIMING, **(timing or {})})
    if status is not None:
        ended: Any = {
            "status": status,
            "reason": reason,
            "finished": created,
            "seconds": 12.0,
            "log_tail": list(log_tail),
            "concurrent": concurrent,
        }
        cell.write_status(ended)
    return cell


def _predictions(
    images: Sequence[str],
    labels: Sequence[int],
    predicted: Sequence[int],
    label: object,
    mask: object,
) -> PredictionFile:
    masks = pack_masks(np.ones((len(images), 2, 2), dtype=bool))
    return PredictionFile(
        ids=tuple(images),
        labels=np.array(labels[: len(images)], dtype=np.int64),
        classes=CLASSES,
        probabilities=None
        if label is None
        else np.eye(len(CLASSES), dtype=np.float32)[list(predicted[: len(images)])],
        mask_bits=None if mask is None else masks,
        mask_grid=None if mask is None else 2,
        has_mask=None if mask is None else np.ones(len(images), dtype=bool),
    )


def _metrics(
    label: Mapping[str, float | None] | None,
    mask: Mapping[str, float | None] | None,
    primary: Sequence[str],
    present: Sequence[str],
) -> Any:
    targets = {"label": label, "mask": mask}
    split_names = [name.partition(".") for name in primary]
    chosen = [(targets[target] or {}).get(metric) for target, _, metric in split_names]
    complete = len(present) == len(CLASSES)
    return {
        "test": {
            "images": 128,
            "masks": 100 if mask else 0,
            "classes": list(CLASSES),
            "classes_present": list(present),
            "label": label,
            "label_all_classes": label
            and {name: label[name] if complete else None for name in label if name == "f1"},
            "recall_per_class": None,
            "mask": mask,
            "primary": None if None in chosen else sum(filter(None, chosen)) / len(chosen),
            "primary_metrics": list(primary),
            "primary_higher_is_better": True,
        }
    }
