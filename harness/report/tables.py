"""What a report shows, before it has a format: a table per section, its rows and its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.errors import HarnessError
from harness.report.file_format import Format
from harness.report.formats.json import Broken
from harness.report.formats.records import Record, long, wide
from harness.report.formats.text_columns import Shown
from harness.report.formats.twin_columns import twin_columns
from harness.report.table.aggregation import Line, lines
from harness.report.table.catalogue import catalogue, find_all
from harness.report.table.column import Column
from harness.report.table.default_columns import key_columns, other_groups, speed_columns
from harness.report.table.filters import chosen
from harness.report.table.notes import Note, notes
from harness.report.table.rows import Row
from harness.report.table.sections import Section, sections
from harness.report.table.twins import Pair, pairs, twin_notes
from harness.report.table.view import View
from harness.specs import MetricSpec

FLAT = ("csv", "json")
"""Formats for programs."""
BROKEN = "Plugins that did not load"
"""What stands above the notes on them."""


@dataclass(frozen=True)
class Table:
    """A section with its lines in order."""

    section: Section
    lines: list[Line]
    columns: list[Column]
    """Those asked for; empty: what suits."""


@dataclass(frozen=True, kw_only=True)
class Twins:
    """What stands under a table whose rows have single-task twins."""

    pairs: list[Pair]
    key: list[Shown]
    groups: list[list[Shown]]
    notes: list[Note]


@dataclass(frozen=True, kw_only=True)
class Report:
    """All tables of a report."""

    tables: list[Table]
    every: list[Row]
    metrics: Sequence[MetricSpec]
    known: Mapping[str, Column]
    view: View

    def records(self, table: Table) -> list[Record]:
        """The table as programs read it, with every column unless some were asked for."""
        flat = long if self.view.layout == "long" else wide
        return flat(table.lines, table.columns or list(self.known.values()), self.view)

    def groups(self, table: Table) -> tuple[list[Column], list[list[Column]]]:
        """The columns that tell lines apart, and the others in groups."""
        if not table.columns:
            section = table.section
            key = key_columns(section, self.known)
            return key, other_groups(section, self.known, self.metrics)
        # The key is repeated where a table is stacked.
        cut = 1 if table.columns[0].name == "method" else 0
        return table.columns[:cut], [table.columns[cut:]]

    def notes(self, table: Table) -> list[Note]:
        return notes(table.section, self.metrics, self.view)

    def twins(self, table: Table) -> Twins | None:
        """The multitask rows of a table compared with single-task ones; None where there are none,
        or where the reader has named the columns."""
        section = table.section
        found = [] if self.view.columns else pairs(section, self.every, self.metrics)
        if not found:
            return None
        # Of an epoch; where only time was measured there are no metrics, and so no pairs.
        speed = self.known[speed_columns(section)[0]]
        key, groups = twin_columns(section, found, self.metrics, speed)
        said = [Note(text) for text in twin_notes(section, found, self.metrics)]
        return Twins(pairs=found, key=key, groups=groups, notes=said)


def report_of(rows: Iterable[Row], metrics: Sequence[MetricSpec], view: View) -> Report:
    """The rows in one table per task, dataset, split, protocol and machine.

    Args:
        metrics: the columns to show, in this order, where rows have such a metric.
        view: which rows and columns, in which order.

    Raises:
        HarnessError: the view asks for an unknown column, or for a condition that makes no sense or
            that no row meets.
    """
    every = list(rows)
    known = catalogue(every, metrics)
    columns = find_all(",".join(view.columns), known, "--columns") if view.columns else []
    view = replace(view, columns=tuple(column.name for column in columns))
    kept = chosen(every, view.filters, known)
    return Report(
        tables=[Table(s, lines(s, view, known), columns) for s in sections(kept)],
        every=every,
        metrics=metrics,
        known=known,
        view=view,
    )


def check_layout(view: View, format: Format) -> None:
    """HarnessError where the format does not have the layout."""
    if view.layout == "long" and format not in FLAT:
        raise HarnessError(f"--layout long is for {' and '.join(FLAT)}, not for {format}")


def common_notes(said: Sequence[Sequence[Note]]) -> list[Note]:
    """Notes that every one of several sections has, to be shown once for all."""
    if len(said) < 2:
        return []
    return [note for note in said[0] if all(note in others for others in said[1:])]


def broken_notes(broken: Broken) -> list[Note]:
    """A note for each plugin that did not load."""
    return [Note(f"{name}: {status}: {' '.join(why.split())}") for name, status, why in broken]
