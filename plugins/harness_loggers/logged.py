"""What is logged of a cell: a run of a tracker, in plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import harness

Value = str | int | float | bool

NOT_RUN = ("skipped", "not_installed")
"""Statuses of cells that did not begin: there is nothing to log of them."""

_TIMES = (
    "minutes_per_epoch",
    "cpu_minutes_per_epoch",
    "images_per_second_train",
    "throughput_images_per_second",
    "end_to_end_images_per_second",
)
_SIZES = (
    "best_epoch",
    "peak_memory_bytes",
    "parameters_total",
    "parameters_trainable",
    "flops_per_image",
)


@dataclass(slots=True, kw_only=True)
class Run:
    """A cell as it is logged; :meth:`as_json` and :meth:`from_json` carry it to another process."""

    hash: str
    """The cell's, by which it is found again."""
    study: str
    """Name of the study's folder."""
    name: str
    """``phantom-quick/baselines/pixels/seed0``"""
    folder: str
    """``baselines/pixels/seed0-frac100-<hash12>``, which no other cell of the study has."""
    parameters: dict[str, Value]
    epochs: dict[int, dict[str, float]]
    """Epoch, from 1 -> metric -> value."""
    status: str = "running"
    reason: str = ""
    """Why the status is neither ``running`` nor ``ok``."""
    results: dict[str, float] = field(default_factory=dict)
    """Metrics of the test sets, timings and sizes; empty unless the status is ``ok``."""

    @property
    def epoch(self) -> int:
        """The epoch that the results are of; 0 where nothing was trained by epochs."""
        return int(self.results.get("best_epoch", max(self.epochs, default=0)))

    @property
    def digest(self) -> str:
        """Of all of it: equal digests are equal runs."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Run:
        # Keys of JSON objects are text.
        epochs = {int(number): values for number, values in record["epochs"].items()}
        return cls(**{**record, "epochs": epochs})


def begun(cell: harness.Cell, study: str) -> Run:
    """A cell that has begun, with the epochs that it has from an earlier run.

    Raises:
        HarnessError: its history is damaged.
    """
    return _run(cell, study, cell.history())


def ended(cell: harness.Cell, study: str, status: Mapping[str, Any]) -> Run:
    """A cell with its final status. Of one whose files cannot be believed nothing more is known.

    Raises:
        HarnessError: its history is damaged.
    """
    run = _run(cell, study, cell.history() if status["status"] != "damaged" else ())
    run.status, run.reason = status["status"], " ".join(status["reason"].split())
    if run.status == "ok":
        run.results = {**_metrics(cell.metrics or {}), **_costs(cell.timing or {})}
    return run


def _run(cell: harness.Cell, study: str, lines: Iterable[Mapping[str, Any]]) -> Run:
    """The cell with the epochs of these lines of its history."""
    record = cell.record
    fraction = round(100 * record["fraction"])
    fold = record["split"].get("fold")
    part = "" if fold is None else f"/fold{fold['number']}"
    part += "" if fraction == 100 else f"/frac{fraction:03d}"
    protocol = record["protocol"]
    part += "".join(f"/{field}={_plain(protocol[field])}" for field in record.get("sweep", ()))
    return Run(
        hash=record["hash"],
        study=study,
        name=f"{study}/{cell.method}/seed{record['seed']}{part}",
        folder=f"{cell.method}/{record['name']}",
        parameters=_parameters(record),
        # An epoch that was trained twice counts as it was trained last.
        epochs=dict(sorted(dict(map(epoch_of, lines)).items())),
    )


def epoch_of(line: Mapping[str, Any]) -> tuple[int, dict[str, float]]:
    """An epoch's number and metrics, of its line in the history."""
    values = {f"val/{name}": value for name, value in line["val"].items()}
    return line["epoch"], {"train/loss": line["loss"], **values}


def _parameters(record: Mapping[str, Any]) -> dict[str, Value]:
    protocol = dict(record["protocol"])
    preset = protocol.pop("name")
    return {
        name: _plain(value)
        for name, value in {
            **protocol,
            "cell": record["hash"],
            "method": record["id"],
            "task": record["method"]["task"],
            "family": record["method"]["family"],
            "dataset": record["dataset"]["name"],
            "dataset_fingerprint": record["dataset"]["fingerprint"],
            "split": record["split"]["digest"],
            "preset": preset,
            "weights": record["weights"]["kind"],
            "weights_card": record["weights"]["card"],
            "device": record["device"],
            "precision": record["precision"],
            "seed": record["seed"],
            **_fold(record),
            "fraction": record["fraction"],
            **{f"param.{name}": value for name, value in record["identity"]["params"].items()},
        }.items()
    }


def _fold(record: Mapping[str, Any]) -> dict[str, int]:
    """Number of the fold of a cross-validation."""
    fold = record["split"].get("fold")
    return {} if fold is None else {"fold": fold["number"]}


def _plain(value: Any) -> Value:
    if value is None:
        return "none"
    return value if isinstance(value, Value) else json.dumps(value, sort_keys=True)


def _metrics(sets: Mapping[str, Any]) -> dict[str, float]:
    """``test/label.f1``: names as the table has them, after the set that they are of."""
    found: dict[str, float | None] = {}
    for part, metrics in sets.items():
        if part == "val":
            continue  # Of the epoch that was selected: its curve has them.
        found[f"{part}/primary"] = metrics["primary"]
        for target in ("label", "mask"):
            for name, value in (metrics[target] or {}).items():
                found[f"{part}/{target}.{name}"] = value
    return _known(found)


def _costs(timing: Mapping[str, Any]) -> dict[str, float]:
    """Under the names of the table's columns."""
    latency = timing.get("latency_ms") or {}
    times = {
        **{name: timing.get(name) for name in _TIMES},
        "latency_ms": latency.get("p50"),
        "latency_p95_ms": latency.get("p95"),
        "seconds": sum(timing.get("buckets", {}).values()) or None,
    }
    sizes = {name: timing.get(name) for name in _SIZES}
    return _known({**{f"time/{name}": value for name, value in times.items()}, **sizes})


def _known(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}
