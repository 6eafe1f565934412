"""From a request to cells: what would run, named by everything that can change its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from harness import provenance
from harness.errors import HarnessError
from harness.protocol import (
    Precision,
    Protocol,
    deviations,
    did_you_mean,
    effective,
    resolve_precision,
)
from harness.specs import MethodSpec, MetricSpec, TaskSpec, to_json

if TYPE_CHECKING:
    from harness.data.dataset import Dataset, Samples
    from harness.data.splits import Split
    from harness.plugins import MethodEntry, Plugins

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks for."""

    methods: tuple[str, ...] = ("all",)
    exclude: tuple[str, ...] = ()
    dataset: str | None = None
    data_root: Path | None = None
    protocol: Protocol
    weights: str | None = None
    """``pretrained``, ``random``, a folder, or None for the protocol's."""
    device: str = "cpu"
    """Resolved: ``cpu``, ``cuda`` or ``cuda:N``."""
    precision: str = "auto"
    seeds: tuple[int, ...] = (0,)
    fractions: tuple[float, ...] = (1.0,)
    split: Literal["standard", "study"] = "standard"
    split_file: Path | None = None
    out: Path = Path("results")
    name: str | None = None
    """Of the study's folder; ``<dataset>-<preset>`` unless given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One method, dataset, protocol, seed and train fraction."""

    id: str
    """The method's full id."""
    name: str
    """``seed0-frac100-<hash12>``"""
    directory: Path
    record: Mapping[str, Any]
    """What ``cell.json`` will hold; see ``docs/results-schema.md``."""
    blocked: tuple[str, str] | None = None
    """(status, reason) of a cell that cannot run here."""
    missing_weights: bool = False
    """Blocked for want of files that a network might still bring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A request, resolved."""

    directory: Path
    cells: tuple[Cell, ...]
    dataset: Dataset
    samples: Samples
    split: Split
    modules: tuple[str, ...]
    """Modules of the selected methods' factories."""
    notes: tuple[str, ...]


def open_dataset(plugins: Plugins, name: str | None, root: Path | None) -> tuple[str, Dataset]:
    """The named dataset, or the embedded one.

    Raises:
        HarnessError: no such dataset, a root that is missing or not wanted, or bad content.
    """
    from harness.plugins import resolve

    if name is None:
        name = plugins.default_dataset().name
    if name not in plugins.datasets:
        raise HarnessError(
            f"unknown dataset {name!r}{did_you_mean(name, plugins.datasets)}; "
            f"datasets: {', '.join(plugins.datasets)}"
        )
    spec = plugins.datasets[name].spec
    if spec.needs_root and root is None:
        raise HarnessError(f"dataset {name!r} needs --data-root: the folder that holds its images")
    if not spec.needs_root and root is not None:
        raise HarnessError(f"dataset {name!r} is made by its plugin and takes no --data-root")
    if root is not None and not root.is_dir():
        raise HarnessError(f"--data-root {root}: no such folder")
    dataset: Dataset = resolve(spec.factory)(root, **spec.params)
    return name, dataset


def plan(request: Request, plugins: Plugins) -> Study:
    """Every cell of the request, in a fixed order; nothing is trained or written.

    Raises:
        HarnessError: anything in the request that cannot be meant.
    """
    from harness.data.splits import make_split, read_split
    from harness.select import select

    ids = select(request.methods, request.exclude, plugins)
    name, dataset = open_dataset(plugins, request.dataset, request.data_root)
    samples = dataset.samples
    if request.split_file is not None:
        split = read_split(request.split_file, samples)
    else:
        split = make_split(samples, request.split)
    directory = request.out / (request.name or f"{name}-{request.protocol.name}")
    planner = _Planner(request, plugins, name, dataset, split, directory)
    cells = tuple(
        planner.cell(plugins.methods[method], seed, fraction)
        for method in ids
        for seed in request.seeds
        for fraction in request.fractions
    )
    if planner.absent:
        raise HarnessError("\n".join(planner.absent))
    modules = {plugins.methods[i].spec.factory.partition(":")[0] for i in ids}
    return Study(
        directory=directory,
        cells=cells,
        dataset=dataset,
        samples=samples,
        split=split,
        modules=tuple(sorted(modules)),
        notes=(*samples.notes, *split.notes),
    )


class _Planner:
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
        self.absent: list[str] = []
        """Files that a ``--weights`` folder should hold and does not."""
        self.core = {
            "harness": provenance.version("cxr-harness"),
            "harness_source": provenance.core_digest(),
            "torch": provenance.version("torch"),
        }

    def cell(self, entry: MethodEntry, seed: int, fraction: float) -> Cell:
        spec = entry.spec
        task = self._task(entry)
        protocol = effective(self.request.protocol, entry.id, spec.protocol)
        params = {**spec.params, **(spec.tiny if protocol.tiny else {})}
        weights, blocked, missing = self._weights(entry, protocol)
        data, no_data = self._data(task, protocol, fraction)
        blocked = self._not_installed(spec) or no_data or blocked
        identity = {
            "method": entry.id,
            "dataset": self.dataset_name,
            "dataset_fingerprint": self.dataset.fingerprint,
            "protocol": asdict(protocol),
            "weights": weights,
            "device": self.device,
            "precision": self.precision,
            "split": self.split.digest,
            "seed": seed,
            "fraction": fraction,
        }
        made_by = self._provenance(entry, params)
        digest = _digest({"identity": identity, "provenance": made_by})
        name = f"seed{seed}-frac{round(100 * fraction):03d}-{digest[:12]}"
        metrics = self._metrics(task)
        record = {
            "schema": SCHEMA,
            "id": entry.id,
            "name": name,
            "hash": digest,
            "identity": identity,
            "provenance": made_by,
            "method": {
                **to_json(spec),
                "params": params,
                "dist": entry.dist,
                "version": entry.version,
            },
            "task": to_json(task),
            "metrics": [to_json(metric) for metric in metrics],
            "protocol": asdict(protocol),
            "deviations": deviations(self.request.protocol, protocol),
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
            raise HarnessError(
                f"{entry.id}: no plugin offers its task {entry.spec.task!r}; "
                f"tasks: {', '.join(self.plugins.tasks)}"
            )
        return self.plugins.tasks[entry.spec.task].spec

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
            start: dict[str, Any] = {"kind": "random", "card": None, "digest": None}
            if "pretrained" in spec.needs:
                return start, ("skipped", _NEEDS_PRETRAINED), False
            return start, None, False
        kind = "pretrained" if asked == "pretrained" else "directory"
        start = {"kind": kind, "card": card.id, "digest": None}
        if kind == "pretrained" and protocol.tiny and spec.tiny:
            return start, ("skipped", _NO_SMALL_WEIGHTS), False
        try:
            files = locate(card, asked if kind == "pretrained" else Path(asked))
        except WeightsMissing as error:
            if kind == "directory":
                self.absent.append(str(error))
            return start, ("skipped", str(error)), True
        start["digest"] = digest(tuple(files.values()))
        return start, None, False

    def _weights_directory(self, kind: str) -> str | None:
        if kind != "directory" or self.request.weights is None:
            return None
        return str(Path(self.request.weights).resolve())

    def _data(
        self, task: TaskSpec, protocol: Protocol, fraction: float
    ) -> tuple[dict[str, Any], tuple[str, str] | None]:
        """Images and masks per part, or why there are none."""
        from harness.data.splits import select_parts

        samples = self.dataset.samples
        if needs_masks(task) and not samples.has_mask.any():
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

    def _provenance(self, entry: MethodEntry, params: Mapping[str, Any]) -> dict[str, Any]:
        spec = entry.spec
        package = spec.factory.partition(":")[0].partition(".")[0]
        files = {
            reference: hashlib.sha256(provenance.package_file(reference).read_bytes()).hexdigest()
            for reference in spec.files
        }
        return {
            **self.core,
            "distribution": entry.dist,
            "version": entry.version,
            "source": provenance.source_digest(provenance.package_directory(package)),
            "factory": spec.factory,
            "params": dict(params),
            "files": files,
        }


_NEEDS_PRETRAINED = (
    "random weights make no sense for a method that is not trained; "
    "use --weights pretrained or --weights DIR"
)
_NO_SMALL_WEIGHTS = (
    "the preset's small network has no published weights; use --preset paper, or --weights DIR"
)


def needs_masks(task: TaskSpec) -> bool:
    """Whether an image without a reference mask is of no use to the task."""
    return all(target.kind == "binary-mask" for target in task.targets)


def _digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
