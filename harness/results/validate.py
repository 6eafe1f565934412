"""What was read from a cell's files, as the records that they must be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypedDict, cast, get_type_hints

from harness.errors import HarnessError
from harness.protocol import Protocol
from harness.results.record import (
    SCHEMA,
    STATUSES,
    CellRecord,
    EnvironmentRecord,
    MetricsRecord,
    StatusRecord,
    TimingRecord,
)
from harness.results.shape import check_shape, check_values
from harness.results.spec_record import Scalar


def as_cell(path: Path, value: Any) -> CellRecord:
    """``value``, read from ``path``, as a cell record.

    Raises:
        HarnessError: it is of another schema, lacks a field, or has one of another type.
    """
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise HarnessError(f"{path}: has schema {schema!r}; this version reads schema {SCHEMA}")
    check_values(path, value)
    check_shape(path, value, CellRecord)
    for kind in (dict[str, Scalar], _Protocol):
        check_shape(path, value["protocol"], kind, ("protocol",))
    for name, kind in _protocol_fields().items():
        if name in value["protocol"]:
            check_shape(path, value["protocol"][name], kind, ("protocol", name))
    if value["weights"]["card"] is not None and value["method"]["weights"] is None:
        card = value["weights"]["card"]
        raise HarnessError(f"{path}: weights.card is {card!r:.40}, and method.weights has no card")
    for name in ("deviations", "changed_params"):
        if odd := [key for key, pair in value[name].items() if len(pair) != 2]:
            raise HarnessError(f"{path}: {name}.{odd[0]} is not a pair of two values")
    try:
        aware = datetime.fromisoformat(value["created"]).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise HarnessError(
            f"{path}: created is {value['created']!r:.40}, not a time with an offset"
        )
    return cast("CellRecord", value)


class _Protocol(TypedDict):
    """What reports need of a protocol."""

    name: str
    image_size: int
    epochs: int


@cache
def _protocol_fields() -> dict[str, Any]:
    return get_type_hints(Protocol)


def as_status(path: Path, value: Any) -> StatusRecord:
    """``value``, read from ``path``, as a status record; HarnessError where it is not one."""
    if isinstance(value, dict) and value.get("status", "ok") not in STATUSES:
        raise HarnessError(f"{path}: has status {value['status']!r}; known: {', '.join(STATUSES)}")
    check_values(path, value)
    check_shape(path, value, StatusRecord)
    return cast("StatusRecord", value)


def as_timing(path: Path, value: Any) -> TimingRecord:
    """``value``, read from ``path``, as a timing record; HarnessError where it is not one."""
    check_values(path, value)
    check_shape(path, value, TimingRecord)
    return cast("TimingRecord", value)


def as_metrics(path: Path, value: Any) -> MetricsRecord:
    """``value``, read from ``path``, as a metrics record; HarnessError where it is not one."""
    check_values(path, value)
    check_shape(path, value, MetricsRecord)
    return cast("MetricsRecord", value)


def as_environment(path: Path, value: Any) -> dict[str, Any]:
    """``value``, read from ``path``, as facts about a machine; HarnessError where it is not."""
    check_values(path, value)
    check_shape(path, value, EnvironmentRecord)
    if "gpu" not in value and not {"cpu", "threads"} <= value.keys():
        raise HarnessError(f"{path}: lacks cpu and threads, or gpu")
    return cast("dict[str, Any]", value)


def as_history(path: Path, lines: Iterable[Any]) -> list[dict[str, Any]]:
    """``lines``, read from ``path``, as events; HarnessError where one is not."""
    events = list(lines)
    for number, line in enumerate(events, start=1):
        where = path.with_name(f"{path.name}, line {number}")
        check_values(where, line)
        check_shape(where, line, _Event)
        kind = _EVENTS.get(line["event"])
        if kind is not None:
            check_shape(where, line, kind)
    return events


class _Event(TypedDict):
    event: str


class _Epoch(TypedDict):
    epoch: int
    stage: str
    loss: float
    train_seconds: float
    val: dict[str, float]


class _SubmittedAgain(TypedDict):
    attempt: int
    reason: str


class _Shared(TypedDict):
    done: int
    total: int


class _Resumed(TypedDict):
    epochs_done: int


class _Importing(TypedDict):
    plugin: str
    module: str


class _Restarted(TypedDict):
    reason: str


_EVENTS: dict[str, type] = {
    "epoch": _Epoch,
    "prepare": _Shared,
    "activations": _Shared,
    "importing": _Importing,
    "submitted_again": _SubmittedAgain,
    "resumed": _Resumed,
    "restarted": _Restarted,
}
"""Event -> the fields that its readers rely on."""
