"""The columns of a table and how a figure is written. Unknown is a dash, never 0."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.metrics.classification import MACRO
from harness.report.rows import Row
from harness.report.sections import Section
from harness.results.scoring import TARGET_OF_KIND
from harness.specs import MetricSpec

UNKNOWN = "\N{EN DASH}"
CONCURRENT = "*"


@dataclass(frozen=True, slots=True)
class Column:
    """A head, of one line or two, and what to write under it."""

    head: str
    text: Callable[[Row], str]
    left: bool = False


def key_columns(section: Section) -> list[Column]:
    """What tells rows apart: the method, and seed and fraction where they vary."""
    columns = [Column("method", name_of, left=True)]
    if section.varies("seed"):
        columns.append(Column("seed", lambda row: str(row.seed)))
    if section.varies("fraction"):
        columns.append(Column("train\ndata", lambda row: f"{100 * row.fraction:g} %"))
    return columns


def metric_columns(section: Section, metrics: Sequence[MetricSpec], target: str) -> list[Column]:
    """The metrics of a target that some row has, in the order of the specs.

    A macro average says in its head over how many classes it is, where the set lacks some.
    """
    macro = ""
    if section.classes_absent:
        total = len(section.first.classes)
        macro = f"\n{total - len(section.classes_absent)} of {total}\nclasses"
    return [
        Column(
            spec.label + macro
            if macro and target == "label" and spec.name in MACRO
            else _two_lines(spec.label),
            _metric(f"{target}.{spec.name}"),
        )
        for spec in metrics
        if TARGET_OF_KIND.get(spec.kind) == target
        and any(spec.name in getattr(row, target) for row in section.rows)
    ]


def status_columns() -> list[Column]:
    """How the cell ended."""
    return [Column("status", _status, left=True)]


def cost_columns(section: Section) -> list[Column]:
    """Speed and size; where only time was measured, all three speeds."""
    if section.first.protocol.get("time_only"):
        speed = [
            Column("step\nms", _milliseconds("step_ms")),
            Column("train\nimages/s", _train_speed),
            Column("latency\nms", _milliseconds("latency_ms")),
            Column("model\nimages/s", _speed("throughput_images_per_second")),
            Column("end-to-end\nimages/s", _speed("end_to_end_images_per_second")),
        ]
    else:
        speed = [
            Column("min/\nepoch", _minutes_per_epoch),
            Column("train\nimages/s", _train_speed),
            Column("latency\nms", _milliseconds("latency_ms")),
        ]
    return [
        *speed,
        Column("peak\nmemory", lambda row: size_of(row.timing.get("peak_memory_bytes"))),
        Column("params, M\ntrain/all", _parameters),
    ]


def source_columns(section: Section) -> list[Column]:
    """What a row was made from."""
    columns = [
        Column("weights", _weights, left=True),
        Column(f"images\ntrain/{section.first.part}", _counts("images")),
    ]
    if any(row.mask for row in section.rows):
        columns.append(Column(f"masks\ntrain/{section.first.part}", _counts("masks")))
    return columns


def name_of(row: Row) -> str:
    """The method's id, with the parameters that were changed: ``x/net [head=study]``."""
    if not row.changed_params:
        return row.method
    changes = (
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, (_, value) in row.changed_params.items()
    )
    return f"{row.method} [{', '.join(changes)}]"


def number(value: float | None) -> str:
    """Three significant digits, never in exponent form."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    if abs(value) < 0.001:
        return "<0.001"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def size_of(count: float | None) -> str:
    """Bytes in binary units."""
    if count is None:
        return UNKNOWN
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{number(count)} {unit}"
        count /= 1024
    return f"{number(count)} GiB"


def _metric(name: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        value = row.metric(name)
        return UNKNOWN if value is None else f"{value:.4f}"

    return text


def _minutes_per_epoch(row: Row) -> str:
    return _marked(row, row.timing.get("minutes_per_epoch"))


def _train_speed(row: Row) -> str:
    return _marked(row, row.timing.get("images_per_second_train"))


def _marked(row: Row, value: float | None) -> str:
    """Timings beside another cell carry a mark; probes hold a lock and need none."""
    return number(value) + (CONCURRENT if row.concurrent and value is not None else "")


def _milliseconds(name: Literal["step_ms", "latency_ms"]) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        taken = row.timing.get(name)
        return number(taken["p50"] if taken else None)

    return text


_Speed = Literal["throughput_images_per_second", "end_to_end_images_per_second"]


def _speed(name: _Speed) -> Callable[[Row], str]:
    return lambda row: number(row.timing.get(name))


def _parameters(row: Row) -> str:
    trainable = row.timing.get("parameters_trainable")
    total = row.timing.get("parameters_total")
    if total is None:
        return UNKNOWN
    return f"{number(None if trainable is None else trainable / 1e6)}/{number(total / 1e6)}"


def _status(row: Row) -> str:
    return f"{row.status}, selected on test" if row.selected_on_test else row.status


def _weights(row: Row) -> str:
    """What the network started from; a finished method without parameters has no start."""
    if row.status == "ok" and row.timing.get("parameters_total") is None:
        return UNKNOWN
    return row.weights


def _counts(what: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        parts = (row.images.get("train"), row.images.get(row.part))
        return "/".join(UNKNOWN if part is None else str(dict(part)[what]) for part in parts)

    return text


def _two_lines(label: str) -> str:
    return label.replace(" ", "\n", 1) if len(label) > 8 else label
