"""One row per cell that counts: all that the table, its notes and its JSON say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from harness.metrics.one_class import is_one_class
from harness.results.browse.lookup import method_of
from harness.results.browse.network_title import is_small
from harness.results.checks.finished_cell import Found, look, outcome
from harness.results.checks.reference import Tables
from harness.results.record import CellRecord, TimingRecord
from harness.results.rundir import CellDirectory, newest_of
from harness.results.spec_record import PartRecord
from harness.runtime.distribution import DISTRIBUTION
from harness.values.plain_text import on_screen
from harness.values.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the report says of one cell. None and missing keys are unknown."""

    method: str
    """Full id."""
    task: str
    family: str
    study: str
    """Name of the study's folder."""
    dataset: str
    root: str | None
    """Folder or file of the dataset; None for one that is made by its plugin."""
    fingerprint: str
    protocol: Mapping[str, Any]
    """As stated, without the method's deviations."""
    sweep: tuple[str, ...] = ()
    """Fields of the protocol in which rows of its table differ, as the run swept them."""
    device: str
    precision: str
    seed: int
    fraction: float
    twins: Mapping[str, str]
    """Per target, the single-task method to compare with this one; empty for most."""
    weights: str
    weights_card: str | None
    weights_digest: str | None
    split: str
    """Digest of which image is in which part; of a cross-validation, that all its folds share."""
    fold: int | None = None
    """From 1; None where there is one split."""
    folds: int | None = None
    """How many there are."""
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

    small: bool = False
    """Whether a small network was built instead of the one that the method names."""
    status: str
    """One of ``STATUSES``, ``unfinished``, or ``damaged``: a file of the cell is damaged,
    and the reason names it."""
    reason: str = ""
    notes: tuple[str, ...] = ()
    """What a reader must know of its values."""
    log_tail: tuple[str, ...] = ()
    concurrent: bool = False
    harness_version: str | None = None
    results_version: int | None = None
    """Of the release that made the cell; None where its source names it."""
    machine: str | None = None
    """Model of GPU or processor, and threads: what timings depend on."""
    on: str = ""
    """A letter for the machine, in a table of several."""
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
    one_class: bool | None = None
    """Whether one class is predicted for every image of a set that holds several; None where no
    classes are predicted."""
    mask: Mapping[str, float | None] = field(default_factory=dict)
    metric_notes: tuple[str, ...] = ()
    """Metrics that failed on the set, each with its plugin and the reason."""
    primary: float | None = None
    primary_val: float | None = None
    """The primary metric on the validation images."""
    primary_metrics: tuple[str, ...] = ()
    primary_higher_is_better: bool = True
    classes: tuple[str, ...]
    classes_present: tuple[str, ...] | None = None
    """Classes that occur in the set; None where it has not been scored."""

    @property
    def settings(self) -> dict[str, Any]:
        """Its values of the swept fields: a method's own where it has one."""
        return {field: self.setting(field) for field in self.sweep}

    def setting(self, field: str) -> Any:
        """What it used of the protocol's field."""
        return self.deviations[field][1] if field in self.deviations else self.protocol.get(field)

    @property
    def normalised_over(self) -> int | None:
        """Images of a micro-batch, where batch normalisation saw these instead of a batch; None
        for a row that trained as it would have without micro-batches."""
        micro = self.protocol.get("micro_batch")
        stages = self.timing.get("stages", [])
        if micro is None or not any(stage.get("normalises_batches") for stage in stages):
            return None
        return int(micro) if micro < self._batch_size else None

    @property
    def _batch_size(self) -> int:
        _, used = self.deviations.get("batch_size", (None, self.protocol["batch_size"]))
        return int(used)

    def metric(self, name: str) -> float | None:
        """The value of a metric given as ``target.metric``."""
        target, _, metric = name.partition(".")
        return {"label": self.label, "mask": self.mask}[target].get(metric)


def rows(cells: Iterable[CellDirectory]) -> list[Row]:
    """A row for each cell that counts, with its metrics on the set ``test``, and one for each
    further test set. A cell with a damaged file is one row that says so.

    Of equal cells of one study the newest counts (see ``newest``); of several studies also the
    newest, as long as they ran on the same machine: another machine's values differ.
    """
    tables = Tables()
    found = {cell: look(cell, tables) for cell in cells}
    counted = sorted(_counted(found).items())
    whole = [
        _row(found[cell], record, part, superseded)
        for cell, superseded in counted
        if (record := found[cell].cell) is not None
        for part in _parts(found[cell])
    ]
    lost = [cell for cell, _ in counted if found[cell].cell is None]
    return [*whole, *(_lost(found[cell], whole) for cell in lost)]


def _parts(found: Found) -> list[str]:
    scored = set(found.metrics or {}) if found.finished else set()
    return ["test", *sorted(scored - {"val", "test"})]


def _counted(found: Mapping[CellDirectory, Found]) -> dict[CellDirectory, int]:
    """The cells that count, each with the number of older results that it replaces."""
    studies: dict[Path, dict[CellDirectory, CellRecord | None]] = {}
    for cell, read in found.items():
        studies.setdefault(cell.path.parents[3], {})[cell] = read.cell
    replaced = {cell: n for study in studies.values() for cell, n in newest_of(study).items()}
    if len(studies) < 2:
        return replaced
    machines: dict[str | None, dict[CellDirectory, CellRecord | None]] = {}
    for cell in replaced:
        same = machines.setdefault(_machine(found[cell].environment), {})
        same[cell] = found[cell].cell
    return {
        cell: older + replaced[cell]
        for same in machines.values()
        for cell, older in newest_of(same).items()
    }


def _row(found: Found, cell: CellRecord, part: str, superseded: int) -> Row:
    classes = tuple(cell["dataset"]["classes"])
    deviations, split = cell["deviations"], cell["split"]
    fold = split.get("fold")
    return Row(
        method=cell["id"],
        task=cell["method"]["task"],
        family=cell["method"]["family"],
        study=found.directory.path.resolve().parents[3].name,
        dataset=cell["dataset"]["name"],
        root=cell["dataset"]["root"],
        fingerprint=cell["dataset"]["fingerprint"],
        protocol={**cell["protocol"], **{name: pair[0] for name, pair in deviations.items()}},
        sweep=tuple(cell.get("sweep", ())),
        device=cell["device"],
        precision=cell["precision"],
        seed=cell["seed"],
        fraction=cell["fraction"],
        twins=cell["method"]["twins"],
        weights=cell["weights"]["kind"],
        weights_card=cell["weights"]["card"],
        weights_digest=cell["weights"]["digest"],
        split=split["digest"] if fold is None else fold["digest"],
        fold=None if fold is None else fold["number"],
        folds=None if fold is None else fold["of"],
        images=cell["data"],
        deviations=deviations,
        changed_params=cell["changed_params"],
        split_notes=tuple(split["notes"]),
        selected_on_test=split["selected_on_test"] and part == "test",
        directory=str(found.directory.path),
        superseded=superseded,
        small=is_small(cell),
        harness_version=(found.environment or {}).get("packages", {}).get(DISTRIBUTION),
        results_version=cell["provenance"].get("results_version"),
        machine=_machine(found.environment),
        threads=(found.environment or {}).get("threads"),
        cores=(found.environment or {}).get("cpu_count"),
        # Values next to any other status are from before a failure or a repetition.
        timing=(found.timing if found.finished else None) or {},
        part=part,
        **_outcome(found),
        **(_scores(found, part, classes) if found.finished else {"classes": classes}),
    )


def _lost(found: Found, others: Sequence[Row]) -> Row:
    """The row of a cell whose ``cell.json`` is damaged: what its path says, and for the rest what
    the cells around it have in common with it."""
    directory = found.directory
    method, dataset = method_of(directory), unquote(directory.path.parent.name)
    study = directory.path.parents[3]
    near = [row for row in others if row.dataset == dataset]
    near = [row for row in near if Path(row.directory).parents[3] == study] or near
    near = [row for row in near if row.method == method] or near
    numbers = re.match(r"seed(\d+)-(?:fold(\d+)-)?frac(\d+)-", directory.path.name)
    blank = Row(
        method=method,
        task="unknown task",
        family="unknown",
        study=study.resolve().name,
        dataset=dataset,
        root=None,
        fingerprint="",
        protocol={"name": "unknown protocol"},
        device="unknown device",
        precision="",
        seed=int(numbers[1]) if numbers else 0,
        fraction=int(numbers[3]) / 100 if numbers else 1.0,
        fold=int(numbers[2]) if numbers and numbers[2] else None,
        twins={},
        weights="unknown",
        weights_card=None,
        weights_digest=None,
        split="",
        images={},
        deviations={},
        changed_params={},
        split_notes=(),
        selected_on_test=False,
        directory=str(directory.path),
        superseded=0,
        part="test",
        classes=(),
        **_outcome(found),
    )
    if not near:
        return blank
    like = near[0]
    return replace(
        blank,
        task=like.task if like.method == method else blank.task,
        family=like.family if like.method == method else blank.family,
        root=like.root,
        fingerprint=like.fingerprint,
        protocol=like.protocol,
        sweep=like.sweep,
        device=like.device,
        precision=like.precision,
        split=like.split,
        folds=like.folds,
        classes=like.classes,
    )


def _outcome(found: Found) -> dict[str, Any]:
    status, reason = outcome(found)
    if found.status is None or found.damage:
        return {"status": status, "reason": reason}
    not_compared = "its predictions were not compared with the study's table: "
    return {
        "status": status,
        "reason": reason,
        "log_tail": tuple(found.status["log_tail"]),
        "concurrent": found.status["concurrent"],
        "notes": (
            *((not_compared + found.not_compared,) if found.not_compared else ()),
            *_submissions(found),
        ),
    }


def _submissions(found: Found) -> Iterator[str]:
    """What is said of a cell that was submitted more than once."""
    again = [line for line in found.history or () if line["event"] == "submitted_again"]
    if again:
        times, why = again[-1]["attempt"], on_screen(str(again[-1]["reason"]))
        yield f"submitted {times} times, as its machine was lost; the last time: {why}"


def _scores(found: Found, part: str, classes: tuple[str, ...]) -> dict[str, Any]:
    scores = (found.metrics or {}).get(part)
    if scores is None:
        return {"classes": classes}
    val = (found.metrics or {}).get("val")
    return {
        "label": scores["label"] or {},
        "label_all_classes": scores["label_all_classes"] or {},
        "recall_per_class": scores["recall_per_class"] or {},
        "one_class": None
        if scores["label"] is None
        else is_one_class(found.directory, part, scores["recall_per_class"] or {}),
        "mask": scores["mask"] or {},
        "metric_notes": tuple(scores.get("notes", ())),
        "primary": scores["primary"],
        "primary_val": None if val is None else val["primary"],
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
    return f"{environment['cpu']}, {counted(threads, 'thread')}"
