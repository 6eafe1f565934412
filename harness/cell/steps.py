"""The steps of one cell: read it, build, train, open the test sets, predict, time and score."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cell import EPOCH_METRICS
from harness.cell.construct import LoadFailedError, make_runner, prepare_process
from harness.cell.environment import describe_environment
from harness.cell.imported_code import libraries_as_recorded
from harness.cell.selected_epoch import check_selected
from harness.cell.timing import step_record, timing_record
from harness.cell.validation import SERVED, fitted_metrics, validation_metrics
from harness.data.dataset import Dataset
from harness.data.recorded import RecordedDataset, read_samples
from harness.data.splits.make import read_split, select_parts
from harness.data.store.prepared import Store, open_store
from harness.errors import HarnessError
from harness.machine import Resources
from harness.metrics.one_metric import is_own
from harness.metrics.scoring import score_files
from harness.protocol import Protocol
from harness.provenance import code_digest, is_bundled
from harness.results.cell_hash import check_identity
from harness.results.prediction_file import PredictionFile
from harness.results.predictions import Reference
from harness.results.record import TimingRecord
from harness.results.rundir import CellDirectory
from harness.runtime.resolve import make_importable, resolve
from harness.specs import MetricSpec, TaskSpec, needs_masks, task_from_json
from harness.storage.cache import cache_directory
from harness.storage.json_files import read_json
from harness.training.batches import Part, load_part, union
from harness.training.clock import Clock
from harness.training.fit.runner import Fitted, Outputs, Parts, Runner

PROGRESS_EVERY = 0.5
"""Seconds between two progress lines of work that several cells share."""


class Steps:
    """Those of one cell, in its own process."""

    def __init__(
        self, directory: Path, resources: Resources, clock: Clock, data_root: Path | None
    ) -> None:
        self.cell = CellDirectory(directory)
        self.data_root = data_root
        self.resources = resources
        self.clock = clock
        with clock.bucket("start"):
            self._read(directory)

    def _read(self, directory: Path) -> None:
        self.record: Mapping[str, Any] = read_json(directory / "cell.json")
        check_identity(directory, self.record)
        make_importable(self.record.get("import_from", ()))
        self.study = directory.parents[3]
        fingerprint = self.record["dataset"]["fingerprint"]
        self.samples = read_samples(self.study / "data" / f"{fingerprint}.npz")
        self.protocol = Protocol(**self.record["protocol"])
        self.task: TaskSpec = task_from_json(self.record["task"])
        self.metrics = tuple(MetricSpec(**metric) for metric in self.record["metrics"])
        self.runner: Runner | None = None

    def smaller_batches(self) -> str:
        """What to do where memory is short, to be appended to a reason."""
        advice = "" if self.runner is None else self.runner.smaller_batches()
        return f"; {advice}" if advice else ""

    def _check_device(self) -> None:
        """HarnessError where it is of another kind than that by which the cell is named."""
        planned, given = self.record["device"], self.resources.device
        if given.partition(":")[0] != planned:
            raise HarnessError(
                f"planned for device {planned}, and to run on {given}: its result would be "
                f"another's; give it {planned}, or plan it with --device {given.partition(':')[0]}"
            )

    def run(self) -> None:
        with self.clock.bucket("start"):
            self._check_device()
            prepare_process(self.resources, self.protocol, self.record["seed"])
            facts = describe_environment(self.resources)
            self.cell.write_environment({**facts, "plugins": self.record["environment"]})
        if not is_bundled(self.record["method"]["dist"]):
            self._importing(self.record["id"].partition("/")[0], self.record["method"]["factory"])
        with self._in_plugins("build"):
            runner = self.runner = make_runner(
                self.record,
                self.samples,
                self.task,
                self.metrics,
                cell=self.cell,
                resources=self.resources,
                clock=self.clock,
                progress=self._progress("activations"),
            )
            self._check_code()
            if runner.trains_by_epochs:
                importlib.import_module(EPOCH_METRICS)  # Here, so that no epoch pays for it.
        with self.clock.bucket("data_prepare"):
            store = open_store(
                self._dataset(),
                size=runner.input.size,
                interpolation=runner.input.interpolation,
                cache=cache_directory(),
                progress=self._progress("prepare"),
            )
            rows = self._rows(self.record["fraction"])
            parts = self._parts(store, rows)
        with self._in_plugins("build"):
            runner.build()
        measured: TimingRecord = {}
        fitted, files = Fitted(), dict[str, tuple[PredictionFile, Reference]]()
        if self.protocol.time_only:
            with self.clock.bucket("probe"):
                measured = step_record(
                    runner,
                    self.protocol,
                    parts,
                    images=self.record["data"]["train"]["images"],
                    fraction=self.record["fraction"],
                )
        else:
            # What the loop does between its epochs, such as making optimisers, is training as well.
            with self._in_plugins("train"):
                fitted = runner.fit(
                    parts, lambda outputs: self._validate(runner, outputs, parts.val, store)
                )
        # What a method is tested on is opened when it has learned.
        named = self._opened(store, rows, set(rows) - {"train"})
        if not self.protocol.time_only:
            with self._in_plugins("predict"):
                files = self._predict(runner, fitted, named, store)
        with self.clock.bucket("probe"):
            timing = timing_record(
                runner, self.protocol, store, fitted, named["test"], self.resources.device
            )
        with self.clock.bucket("checkpoint"):
            runner.finish()
        if files:
            # Last, as plugins' metrics are code of others than the method.
            with self._in_plugins("predict"):
                self._score(files)
        blocks = {**timing["blocks"], **measured.get("blocks", {})}
        self.cell.write_timing(
            {**timing, **measured, "blocks": blocks, "buckets": self.clock.read()}
        )

    @contextmanager
    def _in_plugins(self, bucket: str) -> Iterator[None]:
        """Around what calls a plugin's code. A process that this code forks, and that returns
        here as if it were the cell, ends: it would train, and write its files, a second time."""
        own = os.getpid()
        try:
            with self.clock.bucket(bucket), libraries_as_recorded():
                yield
        finally:
            if os.getpid() != own:
                os.write(2, b"harness: a process that a plugin had forked has been ended\n")
                os._exit(1)

    def _check_code(self) -> None:
        """LoadFailedError where the method's code is no longer that of the cell's name."""
        planned = self.record["provenance"].get("source")
        if planned is not None and code_digest(self.record["method"]["factory"]) != planned:
            plugin = self.record["id"].partition("/")[0]
            raise LoadFailedError(
                f"the code of plugin {plugin} was edited after this run had been planned; run it "
                "again"
            )

    def _importing(self, plugin: str, reference: str) -> None:
        """Records in the history whose code is imported next: it may hang."""
        module = reference.partition(":")[0]
        self.cell.append_history({"event": "importing", "plugin": plugin, "module": module})

    def _dataset(self) -> Dataset:
        entry = self.record["dataset"]
        stated = None if entry["root"] is None else Path(entry["root"])
        root = self.data_root or stated
        return RecordedDataset(
            self.samples,
            entry["fingerprint"],
            lambda: resolve(entry["factory"])(root, **entry["params"]),
        )

    def _rows(self, fraction: float) -> Mapping[str, NDArray[np.int64]]:
        """Rows of the table by part of the split."""
        digest = self.record["split"]["digest"]
        split = read_split(self.study / "splits" / f"{digest}.csv", self.samples)
        if split.digest != digest:
            raise HarnessError(f"splits/{digest}.csv has been changed; run the command again")
        return select_parts(
            self.samples,
            split,
            need_masks=needs_masks(self.task),
            fraction=fraction,
            train_limit=self._train_limit(),
            test_limit=self.protocol.test_images,
            seed=0,
        )

    def _opened(
        self, store: Store, rows: Mapping[str, NDArray[np.int64]], names: Iterable[str]
    ) -> dict[str, Part]:
        masks = any(target.kind == "binary-mask" for target in self.task.targets)
        return {
            name: load_part(store, self.samples, indices, masks=masks)
            for name, indices in rows.items()
            if name in names
        }

    def _parts(self, store: Store, rows: Mapping[str, NDArray[np.int64]]) -> Parts:
        """What the runner is given before it has learned: of the test sets only pixels."""
        named = self._opened(store, rows, ("train", "val"))
        every = self._rows(1.0)
        images = union(self._opened(store, every, every).values())
        unlabelled = replace(images, labels=np.zeros_like(images.labels))
        val = named["val"]
        if SERVED.issuperset(self.task.primary):
            # Sums for a soft Dice take milliseconds per image, and no epoch is selected by them.
            val = replace(val, reference=None)
        return Parts(train=named["train"], val=val, every=unlabelled)

    def _train_limit(self) -> int | None:
        protocol = self.protocol
        if not protocol.time_only:
            return protocol.train_images
        steps = protocol.probe_warmup + protocol.probe_iterations
        return min(steps * protocol.batch_size, protocol.train_images or sys.maxsize)

    def _progress(self, event: str) -> Callable[[int, int], None]:
        """Records the progress of shared work in the history, now and then."""
        last = 0.0

        def report(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > PROGRESS_EVERY or done == total:
                last = time.monotonic()
                self.cell.append_history({"event": event, "done": done, "total": total})

        return report

    def _validate(
        self, runner: Runner, outputs: Outputs, part: Part, store: Store
    ) -> dict[str, float]:
        metrics_of = validation_metrics if runner.trains_by_epochs else fitted_metrics
        figures = metrics_of(
            self._file(outputs, part), self.metrics, self.task.primary, _reference(part, store)
        )
        return figures if outputs.loss is None else {**figures, "loss": outputs.loss}

    def _predict(
        self, runner: Runner, fitted: Fitted, parts: Mapping[str, Part], store: Store
    ) -> dict[str, tuple[PredictionFile, Reference]]:
        """Predict and write every part, once each.

        Raises:
            HarnessError: val is not predicted as it was after the selected epoch.
        """
        files = {}
        for name, part in parts.items():
            outputs = runner.predict(part, loss=name == "val")
            if name == "val":
                check_selected(fitted, self._validate(runner, outputs, part, store), part)
            reference = _reference(part, store)
            file = self._file(outputs, part).counted(reference)
            self.cell.write_predictions(name, file)
            files[name] = (file, reference)
        return files

    def _score(self, files: Mapping[str, tuple[PredictionFile, Reference]]) -> None:
        plugins = self.record["metric_plugins"]
        for metric in self.metrics:
            if not is_own(metric):
                self._importing(plugins[metric.name], metric.function)
        self.cell.write_metrics(score_files(files, self.metrics, self.task.primary, plugins))

    def _file(self, outputs: Outputs, part: Part) -> PredictionFile:
        samples, rows = self.samples, part.indices
        masks = outputs.mask_bits is not None
        return PredictionFile(
            ids=part.ids,
            labels=part.labels,
            classes=samples.classes,
            groups=None if samples.groups is None else tuple(samples.groups[i] for i in rows),
            sources=None if samples.sources is None else tuple(samples.sources[i] for i in rows),
            probabilities=outputs.probabilities,
            mask_bits=outputs.mask_bits,
            mask_grid=samples.mask_size if masks else None,
            has_mask=part.has_mask if masks else None,
            mask_sums=outputs.mask_sums,
        )


def _reference(part: Part, store: Store) -> Reference:
    row_of = dict(zip(part.ids, part.indices, strict=True))
    return lambda ids: store.reference_bits(np.array([row_of[i] for i in ids], dtype=np.int64))
