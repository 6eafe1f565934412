"""The columns that a table has unless others are asked for, in groups that stay together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import Literal

from harness.metrics.classification import MACRO
from harness.report.table.column import Column, metric_columns
from harness.report.table.numbers import UNKNOWN, millions
from harness.report.table.quiet_timing import Time
from harness.report.table.rows import Row
from harness.report.table.sections import Section
from harness.specs import MetricSpec

_SPEED: Mapping[tuple[bool, Time], tuple[str, ...]] = MappingProxyType(
    {
        (False, "wall"): ("minutes_per_epoch", "images_per_second_train", "latency_ms"),
        (False, "cpu"): (
            "cpu_minutes_per_epoch",
            "images_per_cpu_second_train",
            "latency_cpu_ms",
        ),
        (True, "wall"): (
            "step_ms",
            "images_per_second_train",
            "latency_ms",
            "throughput_images_per_second",
            "end_to_end_images_per_second",
        ),
        (True, "cpu"): (
            "step_cpu_ms",
            "images_per_cpu_second_train",
            "latency_cpu_ms",
            "throughput_images_per_cpu_second",
            "end_to_end_images_per_cpu_second",
        ),
    }
)
"""By whether only time was measured, and by what is counted."""

_PAIRS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "images": ("images_train", "images"),
        "masks": ("masks_train", "masks"),
        "parameters": ("parameters_trainable", "parameters_total"),
    }
)
"""Columns with two counts in them, which have no value -> those of the counts."""


def key_columns(section: Section, known: Mapping[str, Column]) -> list[Column]:
    """What tells rows apart: the method, and seed, fold, fraction and what was swept where
    they vary."""
    keys = ["method"]
    keys += ["seed"] if section.varies("seed") else []
    keys += ["fold"] if section.varies("fold") else []
    keys += ["fraction"] if section.varies("fraction") else []
    keys += [f"set.{field}" for field in section.varying_settings]
    return [known[name] for name in keys]


def other_groups(
    section: Section, known: Mapping[str, Column], metrics: Sequence[MetricSpec]
) -> list[list[Column]]:
    """All other columns: metrics by target, status, cost, and what a row was made from."""
    return [
        _metrics(section, metrics, "label"),
        _metrics(section, metrics, "mask"),
        [known["primary_val"]] if section.varying_settings else [],
        [known["status"]],
        _costs(section, known),
        _sources(section, known),
    ]


def columns_of_values(
    section: Section, known: Mapping[str, Column], metrics: Sequence[MetricSpec]
) -> list[Column]:
    """All of these with one value in each: two columns for two counts. In place of marks, which
    blocks were disturbed, and in place of notes the reason of rows without a result."""
    key, groups = key_columns(section, known), other_groups(section, known, metrics)
    columns: list[Column] = list(key)
    for column in chain(*groups):
        names = _PAIRS.get(column.name)
        columns += [column] if names is None else [known[name] for name in names]
    told = [known[name] for name in ("disturbed", "reason")]
    return [*columns, *(c for c in told if any(c.value(row) for row in section.rows))]


def _metrics(section: Section, metrics: Sequence[MetricSpec], target: str) -> list[Column]:
    """The metrics of a target that some row has, in the order of the specs. Of recall and balanced
    accuracy, which are one number, recall.

    The heading of a macro average gives its number of classes where the set has not all of them.
    """
    shown = {f"{target}.{spec.name}" for spec in metrics}
    there = {f"{target}.{name}" for row in section.rows for name in getattr(row, target)}
    if "label.recall" in shown & there:
        shown.discard("label.balanced_accuracy")
    columns = [c for c in metric_columns((), metrics) if c.name in shown & there]
    if target != "label" or not section.classes_absent:
        return columns
    total = len(section.first.classes)
    over = f"{total - len(section.classes_absent)} of {total}\nclasses"
    macro = {f"label.{name}" for name in MACRO}
    return [
        replace(c, head=f"{c.head.replace(chr(10), ' ')}\n{over}") if c.name in macro else c
        for c in columns
    ]


def _costs(section: Section, known: Mapping[str, Column]) -> list[Column]:
    """Speed and size."""
    names = (*speed_columns(section), "peak_memory_bytes")
    names = ("on", *names) if len(section.machines) > 1 else names
    return [*(known[name] for name in names), _PARAMETERS]


def speed_columns(section: Section) -> tuple[str, ...]:
    """Names of the section's columns of speed; where only time was measured, all three speeds.

    On a CPU they count CPU time, which other work on the machine changes little. Rows of older
    records have none; where all are such, it is wall time.
    """
    time_only = bool(section.first.protocol.get("time_only"))
    on_cpu = section.first.device.startswith("cpu")
    by_cpu = on_cpu and any(row.timing.get("blocks") for row in section.rows)
    return _SPEED[time_only, "cpu" if by_cpu else "wall"]


def _sources(section: Section, known: Mapping[str, Column]) -> list[Column]:
    columns = [known["weights"], _counts(section, "images")]
    if any(row.mask for row in section.rows):
        columns.append(_counts(section, "masks"))
    return columns


def _counts(section: Section, what: Literal["images", "masks"]) -> Column:
    """Two counts in one column."""
    return Column(
        name=what,
        head=f"{what}\ntrain/{section.first.part}",
        value=lambda row: None,
        shown=_pair(lambda row: [_used(row, part, what) for part in ("train", row.part)]),
    )


def _used(row: Row, part: str, what: Literal["images", "masks"]) -> str | None:
    found = row.images.get(part)
    return None if found is None else str(found[what])


def _parameters(row: Row) -> list[str | None]:
    counts = (row.timing.get("parameters_trainable"), row.timing.get("parameters_total"))
    return [None if count is None else millions(count) for count in counts]


def _pair(texts: Callable[[Row], Sequence[str | None]]) -> Callable[[Row], str]:
    """``a/b``, with a dash for what is unknown; one dash where all is."""

    def text(row: Row) -> str:
        found = texts(row)
        if all(part is None for part in found):
            return UNKNOWN
        return "/".join(UNKNOWN if part is None else part for part in found)

    return text


_PARAMETERS = Column(
    name="parameters", head="params, M\ntrain/all", value=lambda row: None, shown=_pair(_parameters)
)
