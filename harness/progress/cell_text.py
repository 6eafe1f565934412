"""What is said of a cell while a run runs: its name, its epoch, its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError
from harness.results.browse.decimals import decimals
from harness.results.browse.network_title import title
from harness.results.browse.told_apart import fold_number
from harness.results.record import StatusRecord
from harness.results.rundir import CellDirectory
from harness.study import Cell
from harness.values.plain_text import on_screen
from harness.values.wording import setting_text

SHARED = {"prepare": "preparing images", "activations": "activations of frozen layers"}
"""Event of a history -> work that several cells share."""
_EVENTS = {"fitted": "predicting", "compiling": "compiling"}


@dataclass(frozen=True, slots=True)
class Naming:
    """Names of the cells of a run, no longer than it takes to tell them apart."""

    seeds: bool
    """Whether there are several."""
    folds: bool
    fractions: bool
    swept: tuple[str, ...] = ()
    """Fields of the protocol with several values."""

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Naming:
        """For these cells."""
        records = [cell.record for cell in cells]
        return cls(
            seeds=len({record["seed"] for record in records}) > 1,
            folds=any(fold_number(record) is not None for record in records),
            fractions=len({record["fraction"] for record in records}) > 1,
            swept=tuple(dict.fromkeys(f for record in records for f in record.get("sweep", ()))),
        )

    def name(self, cell: Cell) -> str:
        """``ssl/dinov2_base@full (small), seed 1, 50 % of train``"""
        parts = [title(cell.record)]
        if self.seeds:
            parts.append(f"seed {cell.record['seed']}")
        if self.folds:
            parts.append(f"fold {fold_number(cell.record)}")
        if self.fractions:
            parts.append(f"{cell.record['fraction']:.0%} of train".replace("%", " %"))
        protocol = cell.record["protocol"]
        parts += [f"{field} {setting_text(protocol[field])}" for field in self.swept]
        return ", ".join(parts)


def epoch_text(cell: Cell, line: Mapping[str, Any]) -> str:
    """``epoch 2/3  loss 0.912  val label.f1 0.553``"""
    epochs = cell.record["protocol"]["epochs"]
    return (
        f"epoch {line['epoch']}/{epochs}  loss {decimals(line['loss'], 3)}  "
        f"val {' + '.join(cell.record['task']['primary'])} {decimals(line['val']['primary'], 3)}"
    )


def event_text(cell: Cell, line: Mapping[str, Any]) -> str | None:
    """What a line of a cell's history means; None where it is of no interest to a reader."""
    event = line["event"]
    if event == "epoch":
        return epoch_text(cell, line)
    if event in SHARED:
        return f"{SHARED[event]} {line['done'] / line['total']:.0%}"
    if event == "resumed":
        return f"resumes after epoch {line['epochs_done']}"
    if event == "importing":
        return f"importing {line['module']} of plugin {line['plugin']}"
    if event == "unreadable":
        return f"no further progress is shown: {on_screen(line['reason'])}"
    if event == "submitted_again":
        return f"submitted again, attempt {line['attempt']}: {on_screen(line['reason'])}"
    if event == "restarted":
        return f"starts over: {on_screen(line['reason'])}"
    if event == "no_validation_loss":
        return f"loss() fails on the validation part: {on_screen(line['reason'])}"
    return _EVENTS.get(event)


@dataclass(frozen=True, slots=True)
class Score:
    """The value that a cell is ranked by, on the test set."""

    task: str
    label: str
    """Of the metric, or of several whose mean it is: ``F1 + Dice``."""
    value: float
    higher_is_better: bool

    @property
    def text(self) -> str:
        """``F1 0.553``"""
        return f"{self.label} {decimals(self.value, 3)}"


def score(cell: Cell, status: StatusRecord) -> Score | None:
    """Of a cell that is ok; None for any other, and where its metrics cannot be read."""
    if status["status"] != "ok":
        return None
    try:
        found = CellDirectory(cell.directory).metrics
    except HarnessError:
        # Its row in the report says so.
        return None
    return score_of(cell.record, found)


def score_of(record: Mapping[str, Any], metrics: Mapping[str, Any] | None) -> Score | None:
    """By the records of ``cell.json`` and ``metrics.json``; None where a value is missing."""
    tested = (metrics or {}).get("test")
    if tested is None or tested["primary"] is None:
        return None
    kinds = {target["name"]: target["kind"] for target in record["task"].get("targets", ())}
    labels = {(spec["kind"], spec["name"]): spec["label"] for spec in record.get("metrics", ())}
    named = (name.partition(".") for name in tested["primary_metrics"])
    return Score(
        task=record["task"]["name"],
        label=" + ".join(labels.get((kinds.get(target), name), name) for target, _, name in named),
        value=tested["primary"],
        higher_is_better=tested["primary_higher_is_better"],
    )


def result_text(status: StatusRecord, found: Score | None, took: str) -> str:
    """``F1 0.553  0:14``, or why there is no value."""
    if found is None:
        return on_screen(status["reason"])
    return f"{found.text}  {took}" if took else found.text
