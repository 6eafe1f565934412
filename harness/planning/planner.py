"""From a method, a seed and a fraction to a cell, named by all that can change its result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from harness.planning.methods import Resolver
from harness.planning.obstacles import Kind, Obstacle, first_of
from harness.protocol import Precision, Protocol, resolve_precision
from harness.results.cell_hash import SHORT, cell_hash
from harness.results.record import SCHEMA, PlannedCell
from harness.results.spec_record import IdentityWritten, PartWritten, SplitRecord
from harness.specs import DatasetSpec, MethodSpec, TaskSpec, needs_masks
from harness.study import Cell, Request

if TYPE_CHECKING:
    from harness.data.dataset import Dataset, Samples
    from harness.data.splits.folds import Fold
    from harness.data.splits.make import Split
    from harness.data.splits.split import Indices
    from harness.discovery.registry import MethodEntry


class Planner:
    """Makes the cells of one request."""

    def __init__(
        self,
        request: Request,
        resolver: Resolver,
        dataset_spec: DatasetSpec,
        dataset_code: Mapping[str, Any],
        dataset: Dataset,
        split: Split,
        directory: Path,
        fold: Fold | None = None,
    ) -> None:
        self.request = request
        self.dataset_spec = dataset_spec
        self.dataset_name = dataset_spec.name
        self._dataset_made_by = {
            **dataset_code,
            "factory": dataset_spec.factory,
            "params": dict(dataset_spec.params),
        }
        self.dataset = dataset
        self.split = split
        self.fold = fold
        self.directory = directory
        self.device = request.device.partition(":")[0]
        self.precision: Precision = resolve_precision(request.precision, self.device)
        self._resolver = resolver
        self._counts = cache(self._count)
        self._rows = dataset.samples.rows_digest
        self._sweep: dict[str, list[str]] = {"sweep": list(request.swept)} if request.swept else {}

    def cell(self, entry: MethodEntry, seed: int, fraction: float) -> Cell:
        found = self._resolver.resolve(entry)
        obstacle = found.obstacle
        data: dict[str, PartWritten] = {}
        if found.task is not None:
            data, no_data = self._data(entry.spec, found.task, found.protocol, fraction)
            obstacle = first_of((obstacle, no_data))
        identity: IdentityWritten = {
            "method": entry.id,
            "dataset": self.dataset_name,
            "dataset_fingerprint": self.dataset.fingerprint,
            "classes": list(self.dataset.samples.classes),
            "rows": self._rows,
            "protocol": found.protocol_record,
            "params": found.changed,
            "weights": found.weights,
            "device": self.device,
            "precision": self.precision,
            "split": self.split.digest,
            "seed": seed,
            "fraction": fraction,
        }
        made_by = {**found.made_by, "dataset": self._dataset_made_by}
        digest = cell_hash(identity, made_by)
        tested = "" if self.fold is None else f"fold{self.fold.number}-"
        name = f"seed{seed}-{tested}frac{round(100 * fraction):03d}-{digest[:SHORT]}"
        record: PlannedCell = {
            "schema": SCHEMA,
            "id": entry.id,
            "name": name,
            "hash": digest,
            "identity": identity,
            "provenance": made_by,
            "method": found.method_record,
            "task": found.task_record,
            "metrics": found.metric_records,
            "metric_plugins": found.metric_plugins,
            "protocol": found.protocol_record,
            "deviations": found.deviations,
            "changed_params": found.changed_params,
            "dataset": {
                "name": self.dataset_name,
                "root": None
                if self.request.data_root is None
                else str(self.request.data_root.resolve()),
                "fingerprint": self.dataset.fingerprint,
                "factory": self.dataset_spec.factory,
                "params": dict(self.dataset_spec.params),
                "classes": list(self.dataset.samples.classes),
                "left_out": {
                    "images": list(self.dataset.samples.left_out),
                    "masks": list(self.dataset.samples.masks_left_out),
                },
            },
            "data": data,
            "split": self._split_record(),
            "weights": found.weights,
            "weights_directory": self._weights_directory(found.weights["kind"]),
            "seed": seed,
            "fraction": fraction,
            "device": self.device,
            "precision": self.precision,
            **self._sweep,  # type: ignore[typeddict-item]
        }
        folder = quote(entry.id.replace("/", "--", 1), safe="@._-")
        return Cell(
            method=entry.id,
            key=f"{entry.id}/{name}",
            directory=self.directory / "cells" / folder / quote(self.dataset_name) / name,
            record=record,
            blocked=None if obstacle is None else obstacle.blocked,
            missing_weights=obstacle is not None and obstacle.kind is Kind.WEIGHTS_MISSING,
        )

    def _split_record(self) -> SplitRecord:
        record: SplitRecord = {
            "digest": self.split.digest,
            "selected_on_test": self.split.selected_on_test,
            "notes": [*self.dataset.samples.notes, *self.split.notes],
        }
        if self.fold is not None:
            record["fold"] = {
                "number": self.fold.number,
                "of": self.fold.of,
                "digest": self.fold.digest,
            }
        return record

    def _weights_directory(self, kind: str) -> str | None:
        if kind != "directory" or self.request.weights is None:
            return None
        return str(Path(self.request.weights).resolve())

    def _data(
        self, spec: MethodSpec, task: TaskSpec, protocol: Protocol, fraction: float
    ) -> tuple[dict[str, PartWritten], Obstacle | None]:
        """Images and masks per part, or why there are none."""
        samples = self.dataset.samples
        if (needs_masks(task) or "masks" in spec.needs) and not samples.has_mask.any():
            return {}, Obstacle(Kind.MASKS_MISSING, f"dataset {self.dataset_name!r} has no masks")
        limits = protocol.train_images, protocol.test_images
        return self._counts(needs_masks(task), fraction, *limits), None

    def _count(
        self, need_masks: bool, fraction: float, train_limit: int | None, test_limit: int | None
    ) -> dict[str, PartWritten]:
        """Images and masks by part of the split."""
        from harness.data.splits.make import select_parts

        samples = self.dataset.samples
        parts = select_parts(
            samples,
            self.split,
            need_masks=need_masks,
            fraction=fraction,
            train_limit=train_limit,
            test_limit=test_limit,
            seed=0,
        )
        return {part: _used(samples, rows) for part, rows in parts.items()}


def _used(samples: Samples, rows: Indices) -> PartWritten:
    masked = rows[samples.has_mask[rows]]
    return {
        "images": len(rows),
        "masks": len(masked),
        "ids": _digest_of(samples, rows),
        "mask_ids": _digest_of(samples, masked),
    }


def _digest_of(samples: Samples, rows: Indices) -> str:
    ids = sorted(samples.ids[row] for row in rows)
    return hashlib.sha256("\0".join(ids).encode("utf-8", "surrogateescape")).hexdigest()[:32]
