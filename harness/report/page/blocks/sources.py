"""What the chapters of a page read: rows, prediction files and the records of cells, each once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.data.dataset import Dataset
from harness.report.screen.contest import Setting
from harness.report.screen.evidence import Evidence
from harness.report.table.aggregation import Line
from harness.report.table.catalogue import catalogue
from harness.report.table.column import Column, name_of
from harness.report.table.rows import Row
from harness.report.table.sections import DIGITS
from harness.results.record import CellRecord
from harness.results.rundir import CellDirectory
from harness.results.spec_record import DatasetRecord
from harness.specs import MetricSpec
from harness.storage.names import on_one_line
from harness.values.wording import setting_text

OpenDataset = Callable[[DatasetRecord], Dataset]
"""Opens a dataset as a cell recorded it.

Raises:
    HarnessError: it cannot be opened, or is another one now.
"""


@dataclass(frozen=True, kw_only=True)
class Films:
    """How the page comes by images and reference masks."""

    open: OpenDataset
    shown: Callable[[str], bool]
    """Whether images of the dataset of that name may be on the page."""


def _start(row: Row) -> tuple[object, ...]:
    """What tells lines of one name apart."""
    return (
        row.weights,
        row.weights_card,
        row.weights_digest,
        json.dumps(dict(row.deviations), sort_keys=True),
    )


@dataclass(kw_only=True)
class Source:
    """A setting and everything that is known of its rows."""

    setting: Setting
    every: Sequence[Row]
    """All rows of the page."""
    metrics: Sequence[MetricSpec]
    evidence: Evidence
    prefix: str
    """Of ids, where the page has several parts."""
    _records: dict[str, CellRecord] = field(default_factory=dict)

    @cached_property
    def known(self) -> Mapping[str, Column]:
        """Every column by name."""
        return catalogue(list(self.every), self.metrics)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """``target.metric`` -> what people call it."""
        return {spec.full_name: spec.label for spec in self.metrics}

    def label(self, metric: str) -> str:
        return self.labels.get(metric, metric)

    def name(self, line: Line) -> str:
        """What the page calls a line: as the table does, so that a chart that is copied from the
        page says of a small network that it is one. Lines that differ in more than that say in
        what: no other line of a task has the name."""
        row = line[0]
        name = on_one_line(name_of(row))
        facts = self._facts[row.task, name]
        told = [] if len(facts) == 1 else [facts[_start(row)]]
        told += [f"{field} {setting_text(value)}" for field, value in row.settings.items()]
        return f"{name} [{', '.join(told)}]" if told else name

    @cached_property
    def _facts(self) -> Mapping[tuple[str, str], Mapping[tuple[object, ...], str]]:
        """Task and name -> start of a row -> what tells it from the others of that name."""
        found: dict[tuple[str, str], dict[tuple[object, ...], str]] = {}
        for contest in self.setting.contests:
            for row in contest.section.rows:
                starts = found.setdefault((row.task, on_one_line(name_of(row))), {})
                digest = "" if row.weights_digest is None else f" {row.weights_digest[:DIGITS]}"
                words = [f"{row.weights} weights{digest}"]
                words += [f"{name} {used}" for name, (_, used) in row.deviations.items()]
                starts[_start(row)] = on_one_line(", ".join(words))
        return found

    def ends(self, line: Line, metric: str) -> dict[str, float | None]:
        """The ends of the line's interval, for a record."""
        interval = self.evidence.interval(line, metric)
        if interval is None:
            return {"low": None, "high": None}
        return {"low": interval.low, "high": interval.high}

    def cell(self, row: Row) -> CellDirectory:
        return CellDirectory(Path(row.directory))

    def record(self, row: Row) -> CellRecord:
        """The cell's record. Of a row with a result it has been read and is whole."""
        if row.directory not in self._records:
            self._records[row.directory] = self.cell(row).cell
        return self._records[row.directory]

    def id(self, *words: str) -> str:
        """An id that no other block has."""
        return "-".join(word for word in (self.prefix, *words) if word)
