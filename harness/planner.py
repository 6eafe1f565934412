"""From a method, a seed and a fraction to a cell, named by all that can change its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from harness import params, provenance
from harness.errors import HarnessError
from harness.protocol import (
    Precision,
    Protocol,
    deviations,
    did_you_mean,
    effective,
    resolve_precision,
)
from harness.results.record import SCHEMA
from harness.results.scoring import TARGET_OF_KIND
from harness.specs import DatasetSpec, MethodSpec, MetricSpec, TaskSpec, to_json
from harness.study import Cell, Request, needs_masks

if TYPE_CHECKING:
    from harness.data.dataset import Dataset
    from harness.data.splits import Split
    from harness.plugins import MethodEntry, Plugins


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolved:
    """All that a method's cells have in common: a grid has many cells of few methods."""

    task: TaskSpec | None
    protocol: Protocol
    made_by: dict[str, Any]
    weights: dict[str, Any]
    blocked: tuple[str, str] | None
    blocked_by_weights: bool
    missing_weights: bool
    changed: dict[str, Any]
    changed_params: dict[str, list[Any]]
    deviations: dict[str, tuple[Any, Any]]
    protocol_record: dict[str, Any]
    method_record: dict[str, Any]
    task_record: dict[str, Any]
    metric_records: list[dict[str, Any]]


class Planner:
    """Makes the cells of one request."""

    def __init__(
        self,
        request: Request,
        plugins: Plugins,
        dataset_spec: DatasetSpec,
        dataset: Dataset,
        split: Split,
        directory: Path,
    ) -> None:
        self.request = request
        self.plugins = plugins
        self.dataset_spec = dataset_spec
        self.dataset_name = dataset_spec.name
        self.dataset = dataset
        self.split = split
        self.directory = directory
        self.device = request.device.partition(":")[0]
        self.precision: Precision = resolve_precision(request.precision, self.device)
        self.changes = params.parse(request.params, plugins)
        self._resolved: dict[str, _Resolved] = {}
        self._counts = cache(self._count)
        self.absent: list[str] = []
        """Files that a ``--weights`` folder should hold and does not."""
        self.core = {
            "harness": provenance.version("cxr-harness"),
            "harness_source": provenance.core_digest(),
            "torch": provenance.version("torch"),
        }

    def cell(self, entry: MethodEntry, seed: int, fraction: float) -> Cell:
        if entry.id not in self._resolved:
            self._resolved[entry.id] = self._resolve(entry)
        found = self._resolved[entry.id]
        blocked = found.blocked
        data: dict[str, Any] = {}
        if found.task is not None:
            data, no_data = self._data(entry.spec, found.task, found.protocol, fraction)
            blocked = no_data if found.blocked_by_weights and no_data is not None else blocked
            blocked = blocked or no_data
        identity = {
            "method": entry.id,
            "dataset": self.dataset_name,
            "dataset_fingerprint": self.dataset.fingerprint,
            "protocol": found.protocol_record,
            "params": found.changed,
            "weights": found.weights,
            "device": self.device,
            "precision": self.precision,
            "split": self.split.digest,
            "seed": seed,
            "fraction": fraction,
        }
        digest = _digest({"identity": identity, "provenance": found.made_by})
        name = f"seed{seed}-frac{round(100 * fraction):03d}-{digest[:12]}"
        record = {
            "schema": SCHEMA,
            "id": entry.id,
            "name": name,
            "hash": digest,
            "identity": identity,
            "provenance": found.made_by,
            "method": found.method_record,
            "task": found.task_record,
            "metrics": found.metric_records,
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
            "split": {
                "digest": self.split.digest,
                "selected_on_test": self.split.selected_on_test,
                "notes": [*self.dataset.samples.notes, *self.split.notes],
            },
            "weights": found.weights,
            "weights_directory": self._weights_directory(found.weights["kind"]),
            "seed": seed,
            "fraction": fraction,
            "device": self.device,
            "precision": self.precision,
        }
        folder = quote(entry.id.replace("/", "--", 1), safe="@._-")
        return Cell(
            id=entry.id,
            name=name,
            directory=self.directory / "cells" / folder / quote(self.dataset_name) / name,
            record=record,
            blocked=blocked,
            missing_weights=found.missing_weights
            and blocked is not None
            and blocked[0] == "skipped",
        )

    def _resolve(self, entry: MethodEntry) -> _Resolved:
        spec = entry.spec
        stated = {**spec.params, **(spec.tiny if self.request.protocol.tiny else {})}
        changed = params.changes_of(entry.id, stated, self.changes)
        arguments = {**stated, **changed}
        weights, no_weights, missing = self._weights(entry, self.request.protocol)
        blocked = no_weights
        task: TaskSpec | None = None
        protocol, made_by = self.request.protocol, {**self.core}
        try:
            task = self._task(entry)
            protocol = self._protocol(entry)
            blocked = self._not_installed(spec) or blocked
            if blocked is None or blocked[0] != "not_installed":
                made_by = self._provenance(entry, task, arguments)
        except PluginMistakeError as mistake:
            blocked = ("load_failed", str(mistake))
        return _Resolved(
            task=task,
            protocol=protocol,
            made_by=made_by,
            weights=weights,
            blocked=blocked,
            blocked_by_weights=blocked is not None and blocked == no_weights,
            missing_weights=missing,
            changed=changed,
            changed_params={name: [stated[name], changed[name]] for name in changed},
            deviations=deviations(self.request.protocol, protocol),
            protocol_record=asdict(protocol),
            method_record={
                **to_json(spec),
                "params": arguments,
                "dist": entry.dist,
                "version": entry.version,
            },
            task_record={"name": spec.task} if task is None else to_json(task),
            metric_records=[] if task is None else [to_json(m) for m in self._metrics(task)],
        )

    def _task(self, entry: MethodEntry) -> TaskSpec:
        if entry.spec.task not in self.plugins.tasks:
            raise PluginMistakeError(
                f"no plugin offers its task {entry.spec.task!r}"
                f"{did_you_mean(entry.spec.task, self.plugins.tasks)}; "
                f"tasks: {', '.join(self.plugins.tasks)}"
            )
        task = self.plugins.tasks[entry.spec.task].spec
        metrics = {f"{TARGET_OF_KIND.get(m.kind)}.{m.name}" for m in self._metrics(task)}
        if absent := [name for name in task.primary if name not in metrics]:
            raise PluginMistakeError(
                f"task {task.name!r} is ranked by {', '.join(absent)}, but no plugin offers such "
                f"a metric; metrics of its targets: {', '.join(sorted(metrics)) or 'none'}"
            )
        return task

    def _protocol(self, entry: MethodEntry) -> Protocol:
        try:
            return effective(self.request.protocol, entry.id, entry.spec.protocol)
        except HarnessError as error:
            raise PluginMistakeError(str(error)) from error

    def _metrics(self, task: TaskSpec) -> list[MetricSpec]:
        kinds = {target.kind for target in task.targets}
        return [e.spec for e in self.plugins.metrics.values() if e.spec.kind in kinds]

    def _not_installed(self, spec: MethodSpec) -> tuple[str, str] | None:
        from harness.plugins import missing_requirements

        missing = missing_requirements(spec)
        if not missing:
            return None
        quoted = " ".join(f"'{requirement}'" for requirement in missing)
        return "not_installed", f"pip install {quoted}"

    def _weights(
        self, entry: MethodEntry, protocol: Protocol
    ) -> tuple[dict[str, Any], tuple[str, str] | None, bool]:
        """What the cell starts from, why it cannot (if it cannot), and whether a fetch may help."""
        from harness.weights import WeightsMissing, digest, locate

        spec, asked = entry.spec, self.request.weights or protocol.weights
        card = spec.weights
        if card is None or asked == "random":
            start: dict[str, Any] = {"kind": "random", "card": None, "digest": None, "files": []}
            if "pretrained" in spec.needs:
                return start, ("skipped", _NEEDS_PRETRAINED), False
            return start, None, False
        kind = "pretrained" if asked == "pretrained" else "directory"
        start = {"kind": kind, "card": card.id, "digest": None, "files": []}
        if kind == "pretrained" and protocol.tiny and spec.tiny:
            return start, ("skipped", _NO_SMALL_WEIGHTS), False
        try:
            files = locate(card, asked if kind == "pretrained" else Path(asked))
        except WeightsMissing as error:
            if kind == "directory":
                self.absent.append(str(error))
            return start, ("skipped", str(error)), True
        start["digest"] = digest(tuple(files.values()))
        if kind == "directory":
            start["files"] = sorted(path.name for path in files.values())
        return start, None, False

    def _weights_directory(self, kind: str) -> str | None:
        if kind != "directory" or self.request.weights is None:
            return None
        return str(Path(self.request.weights).resolve())

    def _data(
        self, spec: MethodSpec, task: TaskSpec, protocol: Protocol, fraction: float
    ) -> tuple[dict[str, Any], tuple[str, str] | None]:
        """Images and masks per part, or why there are none."""
        samples = self.dataset.samples
        if (needs_masks(task) or "masks" in spec.needs) and not samples.has_mask.any():
            return {}, ("skipped", f"dataset {self.dataset_name!r} has no masks")
        limits = protocol.train_images, protocol.test_images
        return self._counts(needs_masks(task), fraction, *limits), None

    def _count(
        self, need_masks: bool, fraction: float, train_limit: int | None, test_limit: int | None
    ) -> dict[str, dict[str, int]]:
        """Images and masks by part of the split."""
        from harness.data.splits import select_parts

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
        return {
            part: {"images": len(rows), "masks": int(samples.has_mask[rows].sum())}
            for part, rows in parts.items()
        }

    def _provenance(
        self, entry: MethodEntry, task: TaskSpec, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        spec = entry.spec
        selecting = [
            metric.function
            for metric in self._metrics(task)
            if f"{TARGET_OF_KIND.get(metric.kind)}.{metric.name}" in task.primary
        ]
        losses = [target.loss for target in task.targets]
        try:
            return {
                **self.core,
                "distribution": entry.dist,
                "version": entry.version,
                "source": provenance.code_digest(spec.factory),
                "factory": spec.factory,
                "params": dict(arguments),
                "files": {name: provenance.file_digest(name) for name in spec.files},
                "task": to_json(task),
                "task_source": {
                    name: provenance.code_digest(name) for name in sorted({*losses, *selecting})
                },
            }
        except (HarnessError, OSError) as error:
            raise PluginMistakeError(str(error)) from error


class PluginMistakeError(HarnessError):
    """What a plugin says of a method cannot be meant: that costs this method and no other."""


_NEEDS_PRETRAINED = (
    "random weights make no sense for a method that is not trained; "
    "use --weights pretrained or --weights DIR"
)
_NO_SMALL_WEIGHTS = (
    "the preset's small network has no published weights; use --preset paper, or --weights DIR"
)


def _digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
