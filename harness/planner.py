"""From a method, a seed and a fraction to a cell, named by all that can change its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
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
from harness.specs import MethodSpec, MetricSpec, TaskSpec, to_json
from harness.study import Cell, Request, needs_masks

if TYPE_CHECKING:
    from harness.data.dataset import Dataset
    from harness.data.splits import Split
    from harness.plugins import MethodEntry, Plugins


class Planner:
    """Makes the cells of one request."""

    def __init__(
        self,
        request: Request,
        plugins: Plugins,
        dataset_name: str,
        dataset: Dataset,
        split: Split,
        directory: Path,
    ) -> None:
        self.request = request
        self.plugins = plugins
        self.dataset_name = dataset_name
        self.dataset = dataset
        self.split = split
        self.directory = directory
        self.device = request.device.partition(":")[0]
        self.precision: Precision = resolve_precision(request.precision, self.device)
        self.changes = params.parse(request.params, plugins)
        self.absent: list[str] = []
        """Files that a ``--weights`` folder should hold and does not."""
        self.core = {
            "harness": provenance.version("cxr-harness"),
            "harness_source": provenance.core_digest(),
            "torch": provenance.version("torch"),
        }

    def cell(self, entry: MethodEntry, seed: int, fraction: float) -> Cell:
        spec = entry.spec
        stated = {**spec.params, **(spec.tiny if self.request.protocol.tiny else {})}
        changed = params.changes_of(entry.id, stated, self.changes)
        arguments = {**stated, **changed}
        weights, blocked, missing = self._weights(entry, self.request.protocol)
        task: TaskSpec | None = None
        protocol, made_by = self.request.protocol, {**self.core}
        data: dict[str, Any] = {}
        try:
            task = self._task(entry)
            protocol = self._protocol(entry)
            data, no_data = self._data(spec, task, protocol, fraction)
            blocked = self._not_installed(spec) or no_data or blocked
            if blocked is None or blocked[0] != "not_installed":
                made_by = self._provenance(entry, task, arguments)
        except PluginMistakeError as mistake:
            blocked = ("load_failed", str(mistake))
        identity = {
            "method": entry.id,
            "dataset": self.dataset_name,
            "dataset_fingerprint": self.dataset.fingerprint,
            "protocol": asdict(protocol),
            "params": changed,
            "weights": weights,
            "device": self.device,
            "precision": self.precision,
            "split": self.split.digest,
            "seed": seed,
            "fraction": fraction,
        }
        digest = _digest({"identity": identity, "provenance": made_by})
        name = f"seed{seed}-frac{round(100 * fraction):03d}-{digest[:12]}"
        metrics = [] if task is None else self._metrics(task)
        record = {
            "schema": SCHEMA,
            "id": entry.id,
            "name": name,
            "hash": digest,
            "identity": identity,
            "provenance": made_by,
            "method": {
                **to_json(spec),
                "params": arguments,
                "dist": entry.dist,
                "version": entry.version,
            },
            "task": {"name": spec.task} if task is None else to_json(task),
            "metrics": [to_json(metric) for metric in metrics],
            "protocol": asdict(protocol),
            "deviations": deviations(self.request.protocol, protocol),
            "changed_params": {name: [stated[name], changed[name]] for name in changed},
            "dataset": {
                "name": self.dataset_name,
                "root": None
                if self.request.data_root is None
                else str(self.request.data_root.resolve()),
                "fingerprint": self.dataset.fingerprint,
                "factory": self.plugins.datasets[self.dataset_name].spec.factory,
                "params": dict(self.plugins.datasets[self.dataset_name].spec.params),
                "classes": list(self.dataset.samples.classes),
            },
            "data": data,
            "split": {
                "digest": self.split.digest,
                "selected_on_test": self.split.selected_on_test,
                "notes": [*self.dataset.samples.notes, *self.split.notes],
            },
            "weights": weights,
            "weights_directory": self._weights_directory(weights["kind"]),
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
            missing_weights=missing and blocked is not None and blocked[0] == "skipped",
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
        from harness.data.splits import select_parts

        samples = self.dataset.samples
        if (needs_masks(task) or "masks" in spec.needs) and not samples.has_mask.any():
            return {}, ("skipped", f"dataset {self.dataset_name!r} has no masks")
        parts = select_parts(
            samples,
            self.split,
            need_masks=needs_masks(task),
            fraction=fraction,
            train_limit=protocol.train_images,
            test_limit=protocol.test_images,
            seed=0,
        )
        return {
            part: {"images": len(rows), "masks": int(samples.has_mask[rows].sum())}
            for part, rows in parts.items()
        }, None

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
