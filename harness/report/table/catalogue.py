"""Every column under its stable name: what ``--columns``, ``--sort`` and ``--filter`` know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from harness.errors import HarnessError, did_you_mean
from harness.report.table.column import (
    Column,
    Value,
    changes_of,
    columns_called,
    marked_name_of,
    metric_columns,
)
from harness.report.table.numbers import millions, number, percent, size_of, whole
from harness.report.table.quiet_timing import disturbed_blocks
from harness.report.table.rows import Row
from harness.report.table.sections import DIGITS, described_protocol
from harness.results.browse.decimals import decimals
from harness.specs import MetricSpec
from harness.storage.names import on_one_line
from harness.values.wording import counted, setting_text


def catalogue(rows: Sequence[Row], metrics: Sequence[MetricSpec]) -> Mapping[str, Column]:
    """Every column by name: the fixed ones, and those of the metrics and classes that there are."""
    columns = [
        *DESCRIBING,
        *_settings(rows),
        *metric_columns(rows, metrics),
        *_recalls(rows),
        *_measured(rows),
    ]
    return {column.name: column for column in columns}


def find(name: str, known: Mapping[str, Column], option: str) -> Column:
    """The column of this name, or the only one that is called so in another way.

    Raises:
        HarnessError: no such column, or several; ``option`` says where it was named.
    """
    if name in known:
        return known[name]
    meant = columns_called(name, known)
    if len(meant) == 1:
        return known[meant[0]]
    if meant:
        raise HarnessError(f"{option}: {name!r} may mean the columns {', '.join(meant)}; name one")
    # All names are a screenful: only where none is near.
    hint = did_you_mean(name, known) or f"; columns: {', '.join(known)}"
    raise HarnessError(f"{option}: no column {name!r}{hint}")


def find_all(text: str, known: Mapping[str, Column], option: str) -> list[Column]:
    """The columns of a list of names with commas between them. A name may hold commas itself, as
    one of a class may: of those that fit, the longest counts.

    Raises:
        HarnessError: as :func:`find`.
    """
    pieces, found = text.split(","), list[Column]()
    while pieces:
        names = [",".join(pieces[:end]).strip() for end in range(len(pieces), 0, -1)]
        fitting = (name for name in names if name in known or columns_called(name, known))
        name = next(fitting, pieces[0].strip())
        found.append(find(name, known, option))
        del pieces[: 1 + name.count(",")]
    return found


def _settings(rows: Sequence[Row]) -> list[Column]:
    """The values of swept fields of the protocol: ``set.learning_rate``."""

    def column(field: str) -> Column:
        return Column(
            name=f"set.{field}",
            head=field.replace("_", "\n", 1),
            value=lambda row: row.setting(field),
            shown=lambda row: setting_text(row.setting(field)),
        )

    return [column(field) for field in dict.fromkeys(f for r in rows for f in r.sweep)]


def _recalls(rows: Sequence[Row]) -> list[Column]:
    """Recall of every class that the rows have."""

    def column(label: str) -> Column:
        return Column(
            name=f"recall.{label}",
            head=f"recall\n{on_one_line(label)}",
            value=lambda row: row.recall_per_class.get(label),
            figure=decimals,
            figure_of_mean=partial(decimals, digits=3),
            measured=True,
            higher_is_better=True,
        )

    return [column(label) for label in dict.fromkeys(c for r in rows for c in r.recall_per_class)]


def _measured(rows: Sequence[Row]) -> list[Column]:
    """What was measured; which primary values are the better ones, where all rows agree."""
    directions = {row.primary_higher_is_better for row in rows if row.primary is not None}
    higher = directions.pop() if len(directions) == 1 else None
    ranked = ("primary", "primary_val")
    return [replace(c, higher_is_better=higher) if c.name in ranked else c for c in MEASURED]


def _status(row: Row) -> str:
    marks = ["selected on test"] if row.selected_on_test else []
    if row.normalised_over is not None:
        marks.append(f"normalised over {counted(row.normalised_over, 'image')}")
    return ", ".join([row.status, *marks])


def _weights(row: Row) -> str | None:
    """What the network started from. A method without parameters has no start; of one that did not
    finish and has no weights of its own it is not known whether it has parameters."""
    ended = row.status == "ok"
    if (ended or row.weights == "random") and row.timing.get("parameters_total") is None:
        return None
    return row.weights


def _text(
    name: str,
    head: str,
    value: Callable[[Row], Value],
    shown: Callable[[Row], str] | None = None,
) -> Column:
    return Column(name=name, head=head, value=value, shown=shown, left=True)


def _digest(of: Callable[[Row], str]) -> tuple[Callable[[Row], Value], Callable[[Row], str]]:
    """A digest, whole for programs and its beginning for people."""
    return of, lambda row: of(row)[:DIGITS]


def _count(name: str, head: str, value: Callable[[Row], Value]) -> Column:
    return Column(name=name, head=head, value=value, figure=whole)


def _cost(name: str, head: str, figure: Callable[[float], str] = number) -> Column:
    """A field of timing.json that is one number."""

    def value(row: Row) -> Value:
        found = row.timing.get(name)
        return found if isinstance(found, int | float) else None

    return Column(name=name, head=head, value=value, figure=figure, measured=True)


def _score(name: str, head: str, value: Callable[[Row], Value]) -> Column:
    """Four decimals, three where it is a mean over seeds."""
    return Column(
        name=name,
        head=head,
        value=value,
        figure=decimals,
        figure_of_mean=partial(decimals, digits=3),
        measured=True,
    )


def _timed(name: str, head: str, *blocks: str) -> Column:
    """The same, computed from these timed blocks."""
    return replace(_cost(name, head), blocks=blocks, time="cpu" if "cpu" in name else "wall")


def _milliseconds(
    name: str,
    head: str,
    field: Literal["step_ms", "latency_ms"],
    which: Literal["p50", "p95", "cpu_p50"],
) -> Column:
    def value(row: Row) -> Value:
        taken = row.timing.get(field)
        return None if taken is None else taken.get(which)

    return Column(
        name=name,
        head=head,
        value=value,
        measured=True,
        blocks=(field.removesuffix("_ms"),),
        time="cpu" if which == "cpu_p50" else "wall",
    )


def _used(part: str | None, what: Literal["images", "masks"]) -> Callable[[Row], Value]:
    """Images or masks of a part; None for the part that the row is about."""

    def value(row: Row) -> Value:
        found = row.images.get(part or row.part)
        return None if found is None else found[what]

    return value


def _seconds(row: Row) -> float | None:
    buckets = row.timing.get("buckets")
    return sum(buckets.values()) if buckets else None


def _block(
    name: str, head: str, which: Literal["wall_seconds", "cpu_seconds", "other_load"]
) -> Column:
    """What all epochs of training took together."""

    def value(row: Row) -> Value:
        taken = row.timing.get("blocks", {}).get("train")
        return None if taken is None else taken[which]

    return Column(name=name, head=head, value=value, measured=True)


_TRAINING = ("train", "step", "frozen_prefix")
_STEPS = ("train", "step")
_CELL = ("train", "validate", "frozen_prefix", "latency", "throughput", "end_to_end")

DESCRIBING: tuple[Column, ...] = (
    _text("method", "method", lambda row: row.method, marked_name_of),
    _text("params", "changed\nparameters", changes_of),
    _text("task", "task", lambda row: row.task),
    _text("family", "family", lambda row: row.family),
    _text("dataset", "dataset", lambda row: row.dataset),
    _text("study", "study", lambda row: row.study),
    _text("root", "root", lambda row: row.root),
    _text("fingerprint", "finger-\nprint", *_digest(lambda row: row.fingerprint)),
    _text("split", "split", *_digest(lambda row: row.split)),
    _text("part", "part", lambda row: row.part),
    _text("protocol", "protocol", lambda row: described_protocol(row.protocol)),
    _text("device", "device", lambda row: row.device),
    _text("precision", "precision", lambda row: row.precision),
    _text("machine", "machine", lambda row: row.machine),
    _text("on", "on", lambda row: row.on or None),
    _text("weights", "weights", _weights),
    _text("weights_card", "weights card", lambda row: row.weights_card),
    _text("small", "small", lambda row: row.small),
    _count("seed", "seed", lambda row: row.seed),
    _count("fold", "fold", lambda row: row.fold),
    _count("folds", "folds", lambda row: row.folds),
    Column(name="fraction", head="train\ndata", value=lambda row: row.fraction, figure=percent),
    _count("images_train", "images\ntrain", _used("train", "images")),
    _count("masks_train", "masks\ntrain", _used("train", "masks")),
    _count("images", "images", _used(None, "images")),
    _count("masks", "masks", _used(None, "masks")),
    _text("status", "status", lambda row: row.status, _status),
    _text("reason", "reason", lambda row: " ".join(row.reason.split()) or None),
    _text("one_class", "one\nclass", lambda row: row.one_class),
    _text("selected_on_test", "selected\non test", lambda row: row.selected_on_test),
    _text("concurrent", "another\ncell ran", lambda row: row.concurrent),
    _text("disturbed", "disturbed\nblocks", disturbed_blocks),
    _text("directory", "directory", lambda row: row.directory),
)
"""Columns that say what a row is."""

MEASURED: tuple[Column, ...] = (
    _score("primary", "primary", lambda row: row.primary),
    _score("primary_val", "primary\n(val)", lambda row: row.primary_val),
    _cost("epochs", "epochs", whole),
    _cost("best_epoch", "best\nepoch"),
    _timed("minutes_per_epoch", "min/\nepoch", *_TRAINING),
    _timed("cpu_minutes_per_epoch", "CPU min/\nepoch", *_TRAINING),
    _timed("images_per_second_train", "train\nimages/s", *_TRAINING),
    _timed("images_per_cpu_second_train", "train images/\nCPU s", *_TRAINING),
    _timed("minutes_per_epoch_steps", "min/epoch\n(steps)", *_STEPS),
    _timed("cpu_minutes_per_epoch_steps", "CPU min/epoch\n(steps)", *_STEPS),
    _timed("images_per_second_train_steps", "train images/s\n(steps)", *_STEPS),
    _timed("images_per_cpu_second_train_steps", "train images/\nCPU s (steps)", *_STEPS),
    _milliseconds("step_ms", "step\nms", "step_ms", "p50"),
    _milliseconds("step_cpu_ms", "step\nCPU ms", "step_ms", "cpu_p50"),
    _milliseconds("latency_ms", "latency\nms", "latency_ms", "p50"),
    _milliseconds("latency_p95_ms", "latency\np95, ms", "latency_ms", "p95"),
    _milliseconds("latency_cpu_ms", "latency\nCPU ms", "latency_ms", "cpu_p50"),
    _timed("throughput_images_per_second", "model\nimages/s", "throughput"),
    _timed("throughput_images_per_cpu_second", "model images/\nCPU s", "throughput"),
    _timed("end_to_end_images_per_second", "end-to-end\nimages/s", "end_to_end"),
    _timed("end_to_end_images_per_cpu_second", "end-to-end\nimages/CPU s", "end_to_end"),
    Column(name="seconds", head="cell\ns", value=_seconds, measured=True, blocks=_CELL),
    _timed("shared_seconds", "shared\ns", "prepare", "frozen_prefix"),
    _timed("activation_seconds", "frozen\npass, s", "frozen_prefix"),
    _timed("first_epoch_seconds", "first\nepoch, s", "train"),
    _timed("data_wait_seconds", "data\nwait, s", "train"),
    _block("train_wall_seconds", "training\ns", "wall_seconds"),
    _block("train_cpu_seconds", "training\nCPU s", "cpu_seconds"),
    _block("train_other_load", "others,\ncores", "other_load"),
    _cost("peak_memory_bytes", "peak\nmemory", size_of),
    _cost("parameters_trainable", "params, M\ntrain", millions),
    _cost("parameters_total", "params, M\nall", millions),
    _cost("flops_per_image", "MFLOPs/\nimage", millions),
    _cost("input_size", "input\npx", whole),
)
"""Columns of what was measured, besides the metrics."""
