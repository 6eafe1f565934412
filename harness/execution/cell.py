"""What happens inside one cell, from ``cell.json`` to ``status.json``."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.data.batches import Part, load_part, union
from harness.data.cache import cache_directory
from harness.data.dataset import Dataset
from harness.data.prepared import Store, open_store
from harness.data.recorded import RecordedDataset, read_samples
from harness.data.splits import read_split, select_parts
from harness.errors import HarnessError, Skip
from harness.execution.construct import LoadFailedError, first_line, make_runner, prepare_process
from harness.execution.environment import describe_environment, reset_peak_memory
from harness.execution.executor import Resources
from harness.execution.measure import step_record, timing_record
from harness.execution.status import write_status
from harness.jsonio import read_json
from harness.plugins import resolve
from harness.protocol import Protocol
from harness.results.predictions import PredictionFile, Reference
from harness.results.record import MetricsRecord, Status, TimingRecord
from harness.results.rundir import CellDirectory
from harness.results.scoring import score_file
from harness.specs import MetricSpec, TaskSpec, task_from_json
from harness.study import needs_masks
from harness.training.clock import Clock
from harness.training.runner import Fitted, Outputs, Parts, Runner
from harness.training.validation import validation_metrics

PROGRESS_EVERY = 0.5
"""Seconds between two progress lines of work that several cells share."""


def run_cell(directory: Path, resources: Resources, *, asked: float) -> int:
    """Run the cell and leave its status; 0 for ``ok`` and ``skipped``, else 1.

    An interrupt passes through and leaves no status: the cell is unfinished.

    Args:
        asked: when the cell was asked for, by ``time.monotonic``.
    """
    clock = Clock(asked)
    reset_peak_memory()
    status: Status
    try:
        _Cell(directory, resources, clock).run()
        status, reason = "ok", ""
    except Skip as error:
        status, reason = "skipped", str(error)
    except LoadFailedError as error:
        traceback.print_exc()
        status, reason = "load_failed", str(error)
    except (torch.OutOfMemoryError, MemoryError) as error:
        traceback.print_exc()
        status, reason = "oom", f"{first_line(error)}; try --micro-batch"
    except Exception as error:
        traceback.print_exc()
        memory = "not enough memory" in str(error) or "out of memory" in str(error)
        status, reason = "oom" if memory else "failed", first_line(error)
    sys.stderr.flush()
    write_status(
        CellDirectory(directory),
        status,
        reason,
        seconds=sum(clock.read().values()),
        concurrent=resources.concurrent,
    )
    return 0 if status in ("ok", "skipped") else 1


class _Cell:
    def __init__(self, directory: Path, resources: Resources, clock: Clock) -> None:
        self.cell = CellDirectory(directory)
        self.resources = resources
        self.clock = clock
        self.record: Mapping[str, Any] = read_json(directory / "cell.json")
        self.study = directory.parents[3]
        fingerprint = self.record["dataset"]["fingerprint"]
        self.samples = read_samples(self.study / "data" / f"{fingerprint}.npz")
        self.protocol = Protocol(**self.record["protocol"])
        self.task: TaskSpec = task_from_json(self.record["task"])
        self.metrics = tuple(MetricSpec(**metric) for metric in self.record["metrics"])

    def run(self) -> None:
        with self.clock.bucket("start"):
            prepare_process(self.resources, self.protocol, self.record["seed"])
            facts = describe_environment(self.resources)
            self.cell.write_environment({**facts, "plugins": self.record["environment"]})
        with self.clock.bucket("build"):
            runner = make_runner(
                self.record,
                self.samples,
                self.task,
                self.metrics,
                cell=self.cell,
                resources=self.resources,
                clock=self.clock,
                progress=self._progress("activations"),
            )
        with self.clock.bucket("data_prepare"):
            store = open_store(
                self._dataset(),
                size=runner.input.size,
                interpolation=runner.input.interpolation,
                cache=cache_directory(),
                progress=self._progress("prepare"),
            )
            named, parts = self._parts(store)
        with self.clock.bucket("build"):
            runner.build()
        measured: TimingRecord = {}
        fitted = Fitted()
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
            fitted = self._train_and_predict(runner, parts, named, store)
        with self.clock.bucket("probe"):
            timing = timing_record(
                runner, self.protocol, store, fitted, named["test"], self.resources.device
            )
        with self.clock.bucket("checkpoint"):
            runner.finish()
        blocks = {**timing["blocks"], **measured.get("blocks", {})}
        self.cell.write_timing(
            {**timing, **measured, "blocks": blocks, "buckets": self.clock.read()}
        )

    def _train_and_predict(
        self, runner: Runner, parts: Parts, named: Mapping[str, Part], store: Store
    ) -> Fitted:
        fitted = runner.fit(parts, lambda outputs: self._validate(outputs, parts.val, store))
        with self.clock.bucket("predict"):
            self._predict(runner, named, store)
        return fitted

    def _dataset(self) -> Dataset:
        entry = self.record["dataset"]
        root = None if entry["root"] is None else Path(entry["root"])
        return RecordedDataset(
            self.samples,
            entry["fingerprint"],
            lambda: resolve(entry["factory"])(root, **entry["params"]),
        )

    def _parts(self, store: Store) -> tuple[dict[str, Part], Parts]:
        """The parts of the split by name, and what the runner is given of them."""
        samples = self.samples
        digest = self.record["split"]["digest"]
        split = read_split(self.study / "splits" / f"{digest}.csv", samples)
        if split.digest != digest:
            raise HarnessError(f"splits/{digest}.csv has been changed; run the command again")
        masks = any(target.kind == "binary-mask" for target in self.task.targets)

        def select(fraction: float) -> dict[str, Part]:
            rows = select_parts(
                samples,
                split,
                need_masks=needs_masks(self.task),
                fraction=fraction,
                train_limit=self._train_limit(),
                test_limit=self.protocol.test_images,
                seed=0,
            )
            return {name: load_part(store, samples, r, masks=masks) for name, r in rows.items()}

        named = select(self.record["fraction"])
        every = union(select(1.0).values())
        return named, Parts(train=named["train"], val=named["val"], every=every)

    def _train_limit(self) -> int | None:
        protocol = self.protocol
        if not protocol.time_only:
            return protocol.train_images
        steps = protocol.probe_warmup + protocol.probe_iterations
        return min(steps * protocol.batch_size, protocol.train_images or sys.maxsize)

    def _progress(self, event: str) -> Callable[[int, int], None]:
        """Tells the history how far shared work is, now and then."""
        last = 0.0

        def report(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > PROGRESS_EVERY or done == total:
                last = time.monotonic()
                self.cell.append_history({"event": event, "done": done, "total": total})

        return report

    def _validate(self, outputs: Outputs, part: Part, store: Store) -> dict[str, float]:
        return validation_metrics(
            self._file(outputs, part), self.metrics, self.task.primary, _reference(part, store)
        )

    def _predict(self, runner: Runner, parts: Mapping[str, Part], store: Store) -> None:
        """Predict every part but train, once each."""
        scores: MetricsRecord = {}
        for name, part in parts.items():
            if name == "train":
                continue
            file = self._file(runner.predict(part), part)
            self.cell.write_predictions(name, file)
            scores[name] = score_file(
                file,
                self.metrics,
                self.task.primary,
                _reference(part, store),
                where=f"{name} set",
            )
        self.cell.write_metrics(scores)

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
        )


def _reference(part: Part, store: Store) -> Reference:
    row_of = dict(zip(part.ids, part.indices, strict=True))
    return lambda ids: store.reference_bits(np.array([row_of[i] for i in ids], dtype=np.int64))
