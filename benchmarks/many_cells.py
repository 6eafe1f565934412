"""Requests for thousands of cells, and what such a run would leave behind, without training any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from harness.discovery.registry import Plugins
from harness.planning.plan import plan
from harness.protocol import QUICK
from harness.results.prediction_file import PredictionFile
from harness.results.record import TimingRecord
from harness.results.rundir import CellDirectory
from harness.study import Cell, Request, Study

METHODS = (
    "baselines/majority",
    "baselines/pixels",
    "multitask/unet_multitask",
    "segmentation/unet",
    "ssl/beitv2_base@full",
    "ssl/dinov2_base@freeze8",
    "ssl/dinov2_base@full",
    "ssl/dinov2_base@linear",
    "ssl/dinov2_base@lpft",
    "supervised/convnext_base",
)
"""Named one by one: a method more in a plugin must not change what is timed."""
FRACTIONS = (0.25, 0.5, 0.75, 1.0)


def each_method(seeds: int, out: Path) -> Request:
    """The quick preset for every bundled method."""
    return Request(methods=("all",), protocol=QUICK, seeds=tuple(range(seeds)), out=out)


def request(cells: int, out: Path) -> Request:
    """The quick preset for all methods and fractions, and as many seeds as ``cells`` takes."""
    seeds, rest = divmod(cells, len(METHODS) * len(FRACTIONS))
    assert rest == 0, "so many cells need a part of a seed"
    return Request(
        methods=METHODS, protocol=QUICK, seeds=tuple(range(seeds)), fractions=FRACTIONS, out=out
    )


def write_finished(asked: Request, plugins: Plugins) -> Path:
    """The folder of a study whose cells all ended ``ok`` and wait for being scored.

    Records are those of the plan; predictions, histories and timings are random.
    """
    study = plan(asked, plugins)
    # It need not outlive a power cut, and two thousand cells would wait for the disk for a minute.
    with patch("os.fsync"):
        for number, cell in enumerate(study.cells):
            _write(study, cell, np.random.default_rng(number))
    return study.directory


def _write(study: Study, cell: Cell, random: np.random.Generator) -> None:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    record: Any = {**cell.record, "created": now, "environment": {}}
    directory = CellDirectory(cell.directory)
    directory.write_cell(record)
    directory.write_environment({"cpu": "a processor", "threads": 1, "packages": {}})
    for part, rows in _parts(study, cell).items():
        directory.write_predictions(part, _predictions(study, cell, rows, random))
    directory.write_timing(_timing(random))
    for epoch in range(1, QUICK.epochs + 1):
        directory.append_history(_epoch(epoch, random))
    directory.write_status(
        {
            "status": "ok",
            "reason": "",
            "finished": now,
            "seconds": 12.0,
            "log_tail": [],
            "concurrent": True,
        }
    )


def _parts(study: Study, cell: Cell) -> Mapping[str, NDArray[np.int64]]:
    """Rows of the parts that a cell predicts."""
    return {
        part: rows[: cell.record["data"][part]["images"]]
        for part, rows in study.splits[0].parts.items()
        if part != "train"
    }


def _predictions(
    study: Study, cell: Cell, rows: NDArray[np.int64], random: np.random.Generator
) -> PredictionFile:
    samples = study.samples
    assert samples.groups is not None
    assert samples.sources is not None
    assert samples.mask_size is not None
    kinds = {target["kind"] for target in cell.record["task"]["targets"]}
    probabilities = mask_bits = counts = None
    if "classes" in kinds:
        scores = random.random((len(rows), len(samples.classes)), np.float32)
        probabilities = scores / scores.sum(axis=1, keepdims=True)
    if "binary-mask" in kinds:
        mask_bits, areas = _discs(len(rows), samples.mask_size, random)
        counts = np.stack([(areas * 0.9).astype(np.int64), areas, areas], axis=1)
    return PredictionFile(
        ids=tuple(samples.ids[row] for row in rows),
        labels=samples.labels[rows],
        classes=samples.classes,
        groups=tuple(samples.groups[row] for row in rows),
        sources=tuple(samples.sources[row] for row in rows),
        probabilities=probabilities,
        mask_bits=mask_bits,
        mask_grid=None if mask_bits is None else samples.mask_size,
        has_mask=None if mask_bits is None else samples.has_mask[rows],
        mask_counts=counts,
    )


def _discs(
    count: int, side: int, random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Masks that are smooth, as predicted ones are, and their areas."""
    y, x = np.mgrid[:side, :side]
    distance = (y - side / 2) ** 2 + (x - side / 2) ** 2
    inside = distance[None] < random.uniform(0.1, 0.4, (count, 1, 1)) ** 2 * side**2
    return np.packbits(inside.reshape(count, -1), axis=1), inside.sum(axis=(1, 2))


def _epoch(epoch: int, random: np.random.Generator) -> dict[str, Any]:
    return {
        "event": "epoch",
        "epoch": epoch,
        "stage": "train",
        "loss": float(random.random()),
        "train_seconds": 1.0,
        "val": {"primary": float(random.random())},
    }


def _timing(random: np.random.Generator) -> TimingRecord:
    seconds = float(random.uniform(1, 100))
    return {
        "buckets": {"train": seconds},
        "epochs": QUICK.epochs,
        "best_epoch": 1,
        "minutes_per_epoch": seconds / 60,
        "images_per_second_train": 256 / seconds,
        "latency_ms": {"p50": seconds, "p95": 2 * seconds},
        "throughput_images_per_second": 256 / seconds,
        "peak_memory_bytes": 400_000_000,
        "memory_kind": "rss",
        "parameters_total": 1_000_000,
        "parameters_trainable": 1_000_000,
        "input_size": QUICK.image_size,
        "stages": [],
        "prepare_seconds": 2.0,
        "activation_seconds": seconds,
        "shared_seconds": 2.0 + seconds,
    }
