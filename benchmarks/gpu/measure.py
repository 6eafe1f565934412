"""All that is measured of one method, section by section; a section that fails costs itself."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from benchmarks.gpu.bare import Bare
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.blocks import Deadline, Timed, ratio
from benchmarks.gpu.catalogue import Entry
from benchmarks.gpu.flops import training_flops
from benchmarks.gpu.frozen import activations
from benchmarks.gpu.sampling import data_wait, few_steps, memory
from benchmarks.gpu.subject import Running, Subject
from benchmarks.gpu.variants import Variant, variants

PREDICTED = 4096
"""Images of the store that are predicted, again and again."""
PREDICTION_BLOCK = 0.1
"""Seconds, at least; no energy is counted."""
SHARE_OF_TRAINING = 0.75
"""Of a method's time; inference has the rest."""


def measure(bench: Bench, entry: Entry, matrix_flops: float) -> dict[str, Any]:
    """The record of one method; what failed is under ``errors``, by section."""
    started = time.perf_counter()
    record: dict[str, Any] = {"errors": {}}
    _Measurement(bench, entry, record).run(matrix_flops)
    record["seconds"] = time.perf_counter() - started
    clean(bench)
    return record


def clean(bench: Bench) -> None:
    """Leave memory and disk to the next one."""
    gc.collect()
    if bench.device.type == "cuda":
        torch.cuda.empty_cache()
    for folder in bench.folder.iterdir():
        shutil.rmtree(folder)


class _Measurement:
    """The sections of one method, which fill its record one after the other."""

    def __init__(self, bench: Bench, entry: Entry, record: dict[str, Any]) -> None:
        self.bench = bench
        self.entry = entry
        self.record = record
        seconds = bench.settings.seconds_per_method
        self._bare: Bare | None = None
        self.train_until = Deadline.after(SHARE_OF_TRAINING * seconds)
        self.end = Deadline.after(seconds)

    def run(self, matrix_flops: float) -> None:
        with self.section("build"):
            subject = self.bench.subject(self.entry)
            self.record |= subject.facts()
        if self.record["errors"]:
            return
        if subject.stage is not None:
            with self.section("training"):
                self.train(subject, matrix_flops)
        with self.section("inference"):
            self.infer(subject)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Whatever fails inside is written down, and nothing else."""
        try:
            yield
        except Exception as error:
            self.record["errors"][name] = f"{type(error).__name__}: {error}"

    def train(self, subject: Subject, matrix_flops: float) -> None:
        running = self.start(subject)
        self.watch(running)
        bare = self.bare()
        bare.train()
        found = self.variants()
        contestants = {"harness": running.steps(), "bare": bare.step}
        contestants |= {variant.name: variant.step for variant in found}
        timed = self.bench.stopwatch.interleaved(
            contestants, self.record["batch_size"], self.train_until
        )
        self.record["training"] = _beside(timed)
        self.record["joules_per_image"] = timed["harness"].joules_per_image
        self.efficiency(timed["harness"], matrix_flops)
        for variant in found:
            self.record[variant.name] = variant.record(timed["harness"], timed[variant.name])

    def watch(self, running: Running) -> None:
        """What is counted of steps that are not timed, while nobody else is on the device."""
        with self.section("flops"):
            self.record["training_flops_per_image"] = training_flops(running)
        with self.section("data_wait"):
            few_steps(running)
            with memory(self.bench.device, self.record):
                self.record["data_wait"] = data_wait(running)

    def bare(self) -> Bare:
        """The bare loop, with a network of its own; made when first asked for."""
        if self._bare is None:
            subject = self.bench.subject(self.entry)
            self._bare = Bare(subject, self.bench.part(subject))
        return self._bare

    def start(self, subject: Subject) -> Running:
        """The harness's training, with the activations that it runs on, where there are any."""
        if not subject.frozen:
            return subject.training(self.bench.part(subject))
        running, self.record["frozen"] = activations(self.bench, subject, self.train_until)
        return running

    def variants(self) -> list[Variant]:
        found = []
        for name, make in variants(self.bench, self.entry).items():
            with self.section(name):
                found.append(make())
        return found

    def efficiency(self, timed: Timed, matrix_flops: float) -> None:
        flops = self.record.get("training_flops_per_image")
        self.record["mfu"] = None if flops is None else flops * timed.rate / matrix_flops

    def infer(self, subject: Subject) -> None:
        bare = self.bare()
        bare.module.eval()
        step = subject.predicting(self.bench.part(subject, PREDICTED))
        timed = self.bench.stopwatch.interleaved(
            {"harness": step, "bare": bare.predict},
            self.record["batch_size"],
            self.end,
            block_seconds=PREDICTION_BLOCK,
        )
        self.record["inference"] = _beside(timed)


def _beside(timed: dict[str, Timed]) -> dict[str, Any]:
    """The harness and the bare loop, and the ratio of their speeds."""
    return {
        "harness": timed["harness"].to_json(),
        "bare": timed["bare"].to_json(),
        "ratio": ratio(timed["harness"], timed["bare"]),
    }
