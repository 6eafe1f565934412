"""Checks of a task: its losses, and the metrics that rank it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from harness.discovery.registry import Plugins
from harness.errors import did_you_mean
from harness.runtime.resolve import resolve
from harness.specs import TARGET_OF_KIND, TaskSpec
from harness.testing.checks.check import BrokenPromiseError, Check, Promise

DESCRIPTION = Promise(
    name="description",
    group="static",
    contract="some plugin offers the metrics in primary, and all agree on whether more is better",
    fix="correct primary, or offer the metric",
)
LOSSES = Promise(
    name="losses",
    group="contract",
    contract="the loss of a target takes logits and reference (label [B, C] and int64 [B]; mask "
    "[B, 1, H, W] both) and returns a finite scalar float tensor with a gradient, for a single "
    "sample, too",
    fix="return the mean over the samples as a tensor",
)


def task_checks(spec: TaskSpec, plugins: Plugins) -> Iterator[Check]:
    """Every check of a task."""
    functions: tuple[tuple[Promise, Callable[[], None]], ...] = (
        (DESCRIPTION, partial(_description, spec, plugins)),
        (LOSSES, partial(_losses, spec)),
    )
    for promise, function in functions:
        yield Check(subject=f"task:{spec.name}", promise=promise, function=function)


def _description(spec: TaskSpec, plugins: Plugins) -> None:
    metrics = {
        entry.spec.full_name: entry.spec
        for entry in plugins.metrics.values()
        if entry.spec.kind in TARGET_OF_KIND
    }
    for name in spec.primary:
        if name not in metrics:
            raise BrokenPromiseError(
                f"primary has {name!r}, which no plugin offers{did_you_mean(name, metrics)}"
            )
    if len({metrics[name].higher_is_better for name in spec.primary}) > 1:
        raise BrokenPromiseError("of some metrics in primary more is better, of others less")


def _losses(spec: TaskSpec) -> None:
    resolve("harness.testing.methods.task_losses:losses")(spec)
