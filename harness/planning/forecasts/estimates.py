"""What a cell will take, estimated from finished cells of its method on the same kind of machine.

An estimate is never a guess: where no finished cell resembles this one, it is None.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness.errors import HarnessError
from harness.results.record import CellRecord, TimingRecord
from harness.results.rundir import CellDirectory
from harness.results.speed import spent
from harness.runtime.stopwatch import has_waited

_SPEED = (
    "image_size",
    "batch_size",
    "micro_batch",
    "tiny",
    "half_activations",
    "channels_last",
    "tf32",
    "deterministic",
    "compile",
    "time_only",
)
"""Fields of the protocol that decide how fast a step is; the others decide how many there are."""
_FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class Machine:
    """What timings depend on, besides the cell."""

    cpu: str
    gpu: str | None
    """None where the cell runs on the processor."""
    threads: int
    """Per cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A finished cell."""

    record: CellRecord
    timing: TimingRecord
    machine: Machine
    concurrent: bool
    checkpoint_bytes: int | None
    """None where its checkpoint was not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """None is unknown."""

    seconds: float | None = None
    """Wall time of the cell, the work that cells share left out."""
    memory_bytes: int | None = None
    """At the peak: resident memory on a processor, allocated on a GPU."""
    checkpoint_bytes: int | None = None
    """Of the weights that stay."""
    activation_bytes: int | None = None
    """Activations at frozen boundaries; 0 where the method has none. Other cells may share them."""
    activation_seconds: float | None = None
    """Wall time of computing these, which ``seconds`` leaves out: the first of the cells that share
    them does. 0 where the method has none."""
    input_size: int | None = None
    """Pixels per side that the method was given."""
    cells: int = 0
    """How many finished cells ``seconds`` and ``memory_bytes`` are estimated from."""


def finished_cells(out: Path, method_folder: str) -> tuple[Past, ...]:
    """The cells of a method that are ``ok``, in all studies directly under ``out``, sorted by path.

    Args:
        out: a results folder, which need not exist.
        method_folder: name of the method's folder under ``cells/``.
    """
    found = (
        _past(path.parent) for path in sorted(out.glob(f"*/cells/{method_folder}/*/*/status.json"))
    )
    return tuple(past for past in found if past is not None)


def _past(path: Path) -> Past | None:
    """None: not ok, or of another version of the records."""
    cell = CellDirectory(path)
    with contextlib.suppress(HarnessError):
        status, timing, environment = cell.status, cell.timing, cell.environment
        if status is None or status["status"] != "ok" or timing is None or environment is None:
            return None
        return Past(
            record=cell.cell,
            timing=timing,
            machine=Machine(
                cpu=environment.get("cpu", ""),
                gpu=environment.get("gpu"),
                threads=environment.get("threads", 0),
            ),
            concurrent=status["concurrent"],
            checkpoint_bytes=_kept_bytes(path / "checkpoint"),
        )
    return None


def _kept_bytes(folder: Path) -> int | None:
    """Of the weights of the best epoch, or of what a method saved itself."""
    files = [f for f in folder.rglob("*") if f.is_file() and f.name != "last.pt"]
    return sum(file.stat().st_size for file in files) if files else None


def estimate(
    record: Mapping[str, Any],
    finished: Iterable[Past],
    machine: Machine,
    *,
    concurrent: bool,
    epochs_done: int = 0,
) -> Estimate:
    """What the cell of ``record`` will take.

    Args:
        record: the cell, as ``cell.json`` will hold it.
        finished: cells of the same method.
        machine: what the cell will run on.
        concurrent: whether others will run at the same time. Cells that ran in the same way are
            used first, and of these, those that other work did not hold up.
        epochs_done: epochs that the cell need not repeat.
    """
    same = [past for past in finished if _same_network(past.record, record)]
    timed = [p for p in same if p.machine == machine and _same_speed(p.record, record)]
    timed = [past for past in timed if past.concurrent == concurrent] or timed
    timed = [past for past in timed if not _held_up(past)] or timed
    seconds = [s for past in timed if (s := _seconds(past, record, epochs_done)) is not None]
    peaks = [peak for past in timed if (peak := past.timing.get("peak_memory_bytes"))]
    sized = [past for past in same if _same_size(past.record, record)]
    return Estimate(
        seconds=median(seconds) if seconds else None,
        memory_bytes=max(peaks) if peaks else None,
        checkpoint_bytes=_checkpoint_bytes(same),
        activation_bytes=_activation_bytes(sized, record),
        activation_seconds=_activation_seconds(timed, record),
        input_size=sized[-1].timing.get("input_size") if sized else None,
        cells=len(timed),
    )


def _held_up(past: Past) -> bool:
    """Whether training waited for other work; on a GPU, waiting for the device looks the same."""
    train = past.timing.get("blocks", {}).get("train")
    return past.machine.gpu is None and train is not None and has_waited(train)


def _same_network(past: CellRecord, record: Mapping[str, Any]) -> bool:
    return bool(
        past["id"] == record["id"] and past["method"]["params"] == record["method"]["params"]
    )


def _same_size(past: CellRecord, record: Mapping[str, Any]) -> bool:
    return bool(_field(past, "image_size") == _field(record, "image_size"))


def _same_speed(past: CellRecord, record: Mapping[str, Any]) -> bool:
    return (
        past["device"] == record["device"]
        and past["precision"] == record["precision"]
        and all(_field(past, name) == _field(record, name) for name in _SPEED)
    )


def _field(record: Mapping[str, Any] | CellRecord, name: str) -> Any:
    return record["protocol"].get(name)


def _seconds(past: Past, record: Mapping[str, Any], epochs_done: int) -> float | None:
    """Training grows with epochs and training images, validation with epochs and validation images,
    predictions with the images of the other parts; everything else stays as it was."""
    buckets = spent(past.timing.get("buckets") or {})
    if not buckets:
        return None
    then, now = past.record, record
    epochs = _ratio(_field(now, "epochs") - epochs_done, _field(then, "epochs"))
    scale = {
        "train": epochs * _ratio(_images(now, ("train",)), _images(then, ("train",))),
        "validate": epochs * _ratio(_images(now, ("val",)), _images(then, ("val",))),
        "checkpoint": epochs,
        "predict": _ratio(_images(now), _images(then)),
        # Shared work: estimated separately, as it is done once for many cells.
        "data_prepare": 0.0,
        "frozen_prefix": 0.0,
    }
    return sum(seconds * scale.get(name, 1.0) for name, seconds in buckets.items())


def _images(record: Mapping[str, Any] | CellRecord, parts: tuple[str, ...] | None = None) -> int:
    """Images of the parts; None: of all that are predicted in the end."""
    data: Mapping[str, Any] = record["data"]
    chosen = [name for name in data if name != "train"] if parts is None else parts
    return sum(data[name]["images"] for name in chosen if name in data)


def _ratio(now: float, then: float) -> float:
    return now / then if then else 1.0


def _checkpoint_bytes(same: list[Past]) -> int | None:
    kept = [past.checkpoint_bytes for past in same if past.checkpoint_bytes is not None]
    if kept:
        return kept[-1]
    counts = [count for past in same if (count := past.timing.get("parameters_total"))]
    return _FLOAT32_BYTES * counts[-1] if counts else None


def _activation_bytes(sized: list[Past], record: Mapping[str, Any]) -> int | None:
    for past in reversed(sized):
        kept = past.timing.get("activations")
        if kept is not None:
            most = max((stage["bytes"] for stage in kept.values()), default=0)
            return int(most * _ratio(_activated(record), _activated(past.record)))
    return None


def _activation_seconds(timed: list[Past], record: Mapping[str, Any]) -> float | None:
    found = [
        seconds * _ratio(_activated(record), _activated(past.record))
        for past in timed
        if (seconds := past.timing.get("activation_seconds")) is not None
    ]
    return median(found) if found else None


def _activated(record: Mapping[str, Any] | CellRecord) -> float:
    """Images that frozen layers are run for: of all parts, whatever the train fraction."""
    return _images(record) + _images(record, ("train",)) / record["fraction"]
