"""One row per cell that counts: all that the table, its notes and its JSON say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from harness.results.record import PartRecord, StatusRecord, TimingRecord
from harness.results.rundir import CellDirectory, newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the report says of one cell. None and missing keys stand for unknown."""

    method: str
    """Full id."""
    task: str
    family: str
    dataset: str
    fingerprint: str
    protocol: Mapping[str, Any]
    """As stated, without the method's deviations."""
    device: str
    precision: str
    seed: int
    fraction: float
    twins: Mapping[str, str]
    """Per target, the single-task method to set beside this one; empty for most."""
    weights: str
    weights_card: str | None
    weights_digest: str | None
    split: str
    """Digest of which image is in which part."""
    images: Mapping[str, PartRecord]
    """Images and masks used, by part of the split."""
    deviations: Mapping[str, Sequence[Any]]
    """Field -> (the protocol's value, the value used)."""
    changed_params: Mapping[str, Sequence[Any]]
    """Parameter -> (the method's value, the value used instead)."""
    split_notes: tuple[str, ...]
    selected_on_test: bool
    directory: str
    superseded: int
    """Older results of the same cell that this one replaces."""

    status: str
    """One of ``STATUSES``, or ``unfinished``."""
    reason: str = ""
    log_tail: tuple[str, ...] = ()
    concurrent: bool = False
    machine: str | None = None
    threads: int | None = None
    """Of the cell's process."""
    cores: int | None = None
    """Of the machine."""
    timing: TimingRecord = field(default_factory=TimingRecord)

    part: str
    """The set that the metrics are of."""
    label: Mapping[str, float | None] = field(default_factory=dict)
    label_all_classes: Mapping[str, float | None] = field(default_factory=dict)
    recall_per_class: Mapping[str, float | None] = field(default_factory=dict)
    mask: Mapping[str, float | None] = field(default_factory=dict)
    primary: float | None = None
    primary_metrics: tuple[str, ...] = ()
    primary_higher_is_better: bool = True
    classes: tuple[str, ...]
    classes_present: tuple[str, ...] | None = None
    """Classes that occur in the set; None where it has not been scored."""

    def metric(self, name: str) -> float | None:
        """The value of a metric given as ``target.metric``."""
        target, _, metric = name.partition(".")
        return {"label": self.label, "mask": self.mask}[target].get(metric)


def rows(cells: Iterable[CellDirectory]) -> list[Row]:
    """A row for each cell that counts, with its metrics on the set ``test``, and one for each
    further test set.

    Of equal cells of one study the newest counts (see ``newest``); of several studies also the
    newest, as long as they ran on the same machine: another machine's figures are others.

    Raises:
        HarnessError: a record is broken or of another schema; names the file.
    """
    return [
        _row(cell, part, superseded)
        for cell, superseded in sorted(_counted(cells).items())
        for part in ("test", *sorted(set(cell.metrics or {}) - {"val", "test"}))
    ]


def _counted(cells: Iterable[CellDirectory]) -> dict[CellDirectory, int]:
    """The cells that count, each with the number of older results that it replaces."""
    studies: dict[Path, set[CellDirectory]] = {}
    for cell in cells:
        studies.setdefault(cell.path.parents[3], set()).add(cell)
    if len(studies) < 2:
        return newest(chain(*studies.values()))
    replaced = {cell: older for study in studies.values() for cell, older in newest(study).items()}
    machines: dict[str | None, list[CellDirectory]] = {}
    for cell in replaced:
        machines.setdefault(_machine(cell.environment), []).append(cell)
    return {
        cell: older + replaced[cell]
        for same in machines.values()
        for cell, older in newest(same).items()
    }


def _row(directory: CellDirectory, part: str, superseded: int) -> Row:
    cell, status, environment = directory.cell, directory.status, directory.environment
    # Figures that lie beside any other status are from before a failure or a repetition.
    finished = status is not None and status["status"] == "ok"
    classes = tuple(cell["dataset"]["classes"])
    deviations = cell["deviations"]
    return Row(
        method=cell["id"],
        task=cell["method"]["task"],
        family=cell["method"]["family"],
        dataset=cell["dataset"]["name"],
        fingerprint=cell["dataset"]["fingerprint"],
        protocol={**cell["protocol"], **{name: pair[0] for name, pair in deviations.items()}},
        device=cell["device"],
        precision=cell["precision"],
        seed=cell["seed"],
        fraction=cell["fraction"],
        twins=cell["method"]["twins"],
        weights=cell["weights"]["kind"],
        weights_card=cell["weights"]["card"],
        weights_digest=cell["weights"]["digest"],
        split=cell["split"]["digest"],
        images=cell["data"],
        deviations=deviations,
        changed_params=cell["changed_params"],
        split_notes=tuple(cell["split"]["notes"]),
        selected_on_test=cell["split"]["selected_on_test"],
        directory=str(directory.path),
        superseded=superseded,
        machine=_machine(environment),
        threads=(environment or {}).get("threads"),
        cores=(environment or {}).get("cpu_count"),
        timing=(directory.timing if finished else None) or {},
        part=part,
        **_outcome(status),
        **(_scores(directory, part, classes) if finished else {"classes": classes}),
    )


def _outcome(status: StatusRecord | None) -> dict[str, Any]:
    if status is None:
        return {"status": "unfinished", "reason": "has no status yet; repeat the run to go on"}
    return {
        "status": status["status"],
        "reason": status["reason"],
        "log_tail": tuple(status["log_tail"]),
        "concurrent": status["concurrent"],
    }


def _scores(directory: CellDirectory, part: str, classes: tuple[str, ...]) -> dict[str, Any]:
    scores = (directory.metrics or {}).get(part)
    if scores is None:
        return {"classes": classes}
    return {
        "label": scores["label"] or {},
        "label_all_classes": scores["label_all_classes"] or {},
        "recall_per_class": scores["recall_per_class"] or {},
        "mask": scores["mask"] or {},
        "primary": scores["primary"],
        "primary_metrics": tuple(scores["primary_metrics"]),
        "primary_higher_is_better": scores["primary_higher_is_better"],
        "classes": tuple(scores["classes"]),
        "classes_present": tuple(scores["classes_present"]),
    }


def _machine(environment: Mapping[str, Any] | None) -> str | None:
    """What timings depend on, in words."""
    if environment is None:
        return None
    if "gpu" in environment:
        return str(environment["gpu"])
    threads = environment["threads"]
    return f"{environment['cpu']}, {threads} thread{'' if threads == 1 else 's'}"
