"""What happens inside one cell, from ``cell.json`` to ``status.json``."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.data.batches import Part, load_part
from harness.data.cache import cache_directory
from harness.data.dataset import Dataset, Samples
from harness.data.prepared import Store, open_store
from harness.data.recorded import RecordedDataset, read_samples
from harness.data.splits import read_split, select_parts
from harness.errors import HarnessError, Skip
from harness.execution.environment import describe_environment, peak_memory, reset_peak_memory
from harness.execution.executor import Resources
from harness.execution.status import write_status
from harness.jsonio import read_json
from harness.plugins import resolve
from harness.protocol import Protocol
from harness.results.predictions import PredictionFile, Reference
from harness.results.record import MetricsRecord, Status, TimingRecord
from harness.results.rundir import CellDirectory
from harness.results.scoring import primary_direction, score_file
from harness.seeds import derive_seed
from harness.specs import MetricSpec, TaskSpec, card_from_json, task_from_json
from harness.study import needs_masks
from harness.training.clock import Clock
from harness.training.method import Method, Problem, TorchMethod
from harness.training.plain_runner import PlainRunner
from harness.training.probe import machine_lock, probe
from harness.training.runner import Fitted, Outputs, Runner, Setting
from harness.training.torch_runner import TorchRunner
from harness.training.validation import validation_metrics
from harness.weights import locate

PROGRESS_EVERY = 0.5
"""Seconds between two progress lines of the store's making."""


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
        status, reason = "oom", f"{_first_line(error)}; try --micro-batch"
    except Exception as error:
        traceback.print_exc()
        memory = "not enough memory" in str(error) or "out of memory" in str(error)
        status, reason = "oom" if memory else "failed", _first_line(error)
    sys.stderr.flush()
    write_status(
        CellDirectory(directory),
        status,
        reason,
        seconds=sum(clock.read().values()),
        concurrent=resources.concurrent,
    )
    return 0 if status in ("ok", "skipped") else 1


class LoadFailedError(HarnessError):
    """The method's code could not be imported or constructed."""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    if isinstance(error, HarnessError) and lines:
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


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
            self._prepare_process()
            facts = describe_environment(self.resources)
            self.cell.write_environment({**facts, "plugins": self.record["environment"]})
        with self.clock.bucket("build"):
            runner = self._runner(self.samples)
        with self.clock.bucket("data_prepare"):
            store = open_store(
                self._dataset(),
                size=runner.input.size,
                interpolation=runner.input.interpolation,
                cache=cache_directory(),
                progress=self._store_progress(),
            )
            parts = self._parts(store)
        with self.clock.bucket("build"):
            runner.build()
        fitted = runner.fit(
            parts["train"],
            parts["val"],
            lambda outputs: self._validate(outputs, parts["val"], store),
        )
        with self.clock.bucket("predict"):
            seconds = self._predict(runner, parts, store)
        timing = self._timing(runner, store, fitted, len(parts["test"]) / seconds)
        with self.clock.bucket("checkpoint"):
            runner.finish()
        self.cell.write_timing({**timing, "buckets": self.clock.read()})

    def _prepare_process(self) -> None:
        torch.set_num_threads(self.resources.threads)
        if self.resources.device.startswith("cuda"):
            if not torch.cuda.is_available():
                raise HarnessError(
                    f"device {self.resources.device} was asked for, but the installed torch "
                    f"({torch.__version__}) finds no CUDA device; use --device cpu"
                )
            torch.cuda.set_device(torch.device(self.resources.device))
            torch.backends.cudnn.benchmark = True
            self._gpu = machine_lock(self.resources.device.replace(":", "-"))
            self._gpu.__enter__()
        np.random.seed(derive_seed("numpy", self.record["seed"]) % 2**32)

    def _dataset(self) -> Dataset:
        entry = self.record["dataset"]
        root = None if entry["root"] is None else Path(entry["root"])
        return RecordedDataset(
            self.samples,
            entry["fingerprint"],
            lambda: resolve(entry["factory"])(root, **entry["params"]),
        )

    def _runner(self, samples: Samples) -> Runner:
        weights = self.record["weights"]
        problem = Problem(
            task=self.task.name,
            targets={
                target.name: replace(target, names=target.names or samples.classes)
                if target.kind == "classes"
                else target
                for target in self.task.targets
            },
            image_size=self.protocol.image_size,
            weights="random" if weights["kind"] == "random" else "pretrained",
            weights_files=self._weights_files(),
            seed=self.record["seed"],
        )
        setting = Setting(
            problem=problem,
            protocol=self.protocol,
            device=self.resources.device,
            threads=self.resources.threads,
            precision=self.record["precision"],
            seed=self.record["seed"],
            directory=self.cell.path,
            clock=self.clock,
            report=self.cell.append_history,
            mask_grid=samples.mask_size,
            higher_is_better=primary_direction(self.metrics, self.task.primary),
        )
        method = self._construct(problem)
        if reason := method.skip():
            raise Skip(reason)
        if isinstance(method, TorchMethod):
            return TorchRunner(method, setting)
        return PlainRunner(method, setting)

    def _weights_files(self) -> Mapping[str, Path]:
        kind = self.record["weights"]["kind"]
        if kind == "random":
            return {}
        card = card_from_json(self.record["method"]["weights"])
        folder = self.record["weights_directory"]
        return locate(card, kind if folder is None else Path(folder))

    def _construct(self, problem: Problem) -> TorchMethod | Method:
        spec = self.record["method"]
        try:
            method = resolve(spec["factory"])(problem, **spec["params"])
        except (Skip, MemoryError):
            raise
        except Exception as error:
            raise LoadFailedError(_first_line(error)) from error
        if not isinstance(method, TorchMethod | Method):
            raise LoadFailedError(
                f"{spec['factory']} returned {type(method).__name__}, which is neither a "
                "TorchMethod nor has fit, predict, save, load and skip"
            )
        return method

    def _parts(self, store: Store) -> dict[str, Part]:
        samples = self.samples
        digest = self.record["split"]["digest"]
        split = read_split(self.study / "splits" / f"{digest}.csv", samples)
        if split.digest != digest:
            raise HarnessError(f"splits/{digest}.csv has been changed; run the command again")
        rows = select_parts(
            samples,
            split,
            need_masks=needs_masks(self.task),
            fraction=self.record["fraction"],
            train_limit=self.protocol.train_images,
            test_limit=self.protocol.test_images,
            seed=0,
        )
        masks = any(target.kind == "binary-mask" for target in self.task.targets)
        return {
            part: load_part(store, samples, indices, masks=masks) for part, indices in rows.items()
        }

    def _store_progress(self) -> Callable[[int, int], None]:
        last = 0.0

        def report(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > PROGRESS_EVERY or done == total:
                last = time.monotonic()
                self.cell.append_history({"event": "prepare", "done": done, "total": total})

        return report

    def _validate(self, outputs: Outputs, part: Part, store: Store) -> dict[str, float]:
        return validation_metrics(
            self._file(outputs, part), self.metrics, self.task.primary, _reference(part, store)
        )

    def _predict(self, runner: Runner, parts: Mapping[str, Part], store: Store) -> float:
        """Predict every part but train, once each; seconds that the test part took."""
        scores: MetricsRecord = {}
        seconds = 0.0
        for name, part in parts.items():
            if name == "train":
                continue
            started = time.monotonic()
            file = self._file(runner.predict(part), part)
            if name == "test":
                seconds = time.monotonic() - started
            self.cell.write_predictions(name, file)
            scores[name] = score_file(
                file,
                self.metrics,
                self.task.primary,
                _reference(part, store),
                where=f"{name} set",
            )
        self.cell.write_metrics(scores)
        return seconds

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

    def _timing(
        self, runner: Runner, store: Store, fitted: Fitted, end_to_end: float
    ) -> TimingRecord:
        with self.clock.bucket("probe"):
            probed = probe(
                runner.forward_fixed,
                batch_size=self.protocol.batch_size,
                warmup=self.protocol.probe_warmup,
                iterations=self.protocol.probe_iterations,
            )
            size = runner.size()
        memory, kind = peak_memory(self.resources.device)
        return {
            "buckets": {},
            "best_epoch": fitted.best_epoch,
            "resumed": fitted.resumed,
            "shared_seconds": store.build_seconds,
            "input_size": runner.input.size,
            "stages": list(size.stages),
            "end_to_end_images_per_second": end_to_end,
            "peak_memory_bytes": memory,
            "memory_kind": kind,
            "parameters_total": size.parameters_total,
            "parameters_trainable": size.parameters_trainable,
            "flops_per_image": size.flops_per_image,
            "latency_ms": {**probed["latency_ms"]},
            "throughput_images_per_second": probed["throughput_images_per_second"],
            **_training_speed(fitted),
        }


def _reference(part: Part, store: Store) -> Reference:
    row_of = dict(zip(part.ids, part.indices, strict=True))
    return lambda ids: store.reference_bits(np.array([row_of[i] for i in ids], dtype=np.int64))


def _training_speed(fitted: Fitted) -> TimingRecord:
    """Steady state: without the first epoch, which warms up, where there is another."""
    epochs = fitted.epochs
    if not epochs:
        return {
            "epochs": 0,
            "minutes_per_epoch": None,
            "images_per_second_train": None,
            "first_epoch_seconds": None,
            "data_wait_seconds": None,
        }
    steady = epochs[1:] or epochs
    seconds = sum(epoch["train_seconds"] for epoch in steady)
    return {
        "epochs": len(epochs),
        "minutes_per_epoch": seconds / len(steady) / 60,
        "images_per_second_train": sum(epoch["images"] for epoch in steady) / seconds,
        "first_epoch_seconds": epochs[0]["train_seconds"],
        "data_wait_seconds": sum(epoch["data_wait_seconds"] for epoch in epochs),
    }
