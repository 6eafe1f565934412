"""Other ways of the harness itself, timed in the same rounds: layout, streaming, compiling."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.blocks import Step, Timed, ratio
from benchmarks.gpu.catalogue import Entry
from benchmarks.gpu.sampling import data_wait, few_steps
from harness.training.fit.loop import epoch_steps
from harness.training.fit.stage_inputs import synchronise

LAYOUTS = (
    "supervised/convnext_base",
    "supervised/densenet161",
    "supervised/efficientnet_v2_l",
    "supervised/resnext101_64x4d",
    "segmentation/unet",
    "multitask/unet_multitask",
)
"""One method of every convolutional family: trained in the other memory layout, too."""
STREAMED = "ssl/dinov2_base@full"
COMPILED = "ssl/dinov2_base@full"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A further contestant."""

    name: str
    """Of its section in the record."""
    step: Step
    facts: Mapping[str, Any] = field(default_factory=dict)

    def record(self, usual: Timed, timed: Timed) -> dict[str, Any]:
        """Its speed, and its speed over that of the harness's usual way."""
        return {**self.facts, "harness": timed.to_json(), "ratio": ratio(timed, usual)}


def variants(bench: Bench, entry: Entry) -> Mapping[str, Callable[[], Variant]]:
    """What makes the variants of a method, by name; each takes a few steps, so that one that cannot
    fails before it is timed beside others."""
    makers: dict[str, Callable[[], Variant]] = {}
    if entry.id in LAYOUTS:
        makers["other_layout"] = partial(_other_layout, bench, entry)
    if entry.id == STREAMED:
        makers["streamed"] = partial(_streamed, bench, entry)
    if entry.id == COMPILED and bench.settings.compile:
        makers["compiled"] = partial(_compiled, bench, entry)
    return makers


def _other_layout(bench: Bench, entry: Entry) -> Variant:
    """Channels first where the harness takes them last, and the other way round."""
    subject = bench.subject(entry, other_layout=True)
    running = subject.training(bench.part(subject))
    few_steps(running)
    facts = {"channels_last": subject.channels_last}
    return Variant(name="other_layout", step=running.steps(), facts=facts)


def _streamed(bench: Bench, entry: Entry) -> Variant:
    """No image is kept on the device: all go through pinned buffers."""
    subject = bench.subject(entry, device_budget=0)
    running = subject.training(bench.part(subject))
    few_steps(running)
    facts = {"data_wait": data_wait(running)}
    return Variant(name="streamed", step=running.steps(), facts=facts)


def _compiled(bench: Bench, entry: Entry) -> Variant:
    """Through ``torch.compile``; compiling is told apart."""
    subject = bench.subject(entry)
    running = subject.training(bench.part(subject))
    started = time.perf_counter()
    running.stepper.compile(epoch_steps(running.training, 0)[0])
    synchronise(bench.device)
    facts = {"compile_seconds": time.perf_counter() - started}
    few_steps(running)
    return Variant(name="compiled", step=running.steps(), facts=facts)
