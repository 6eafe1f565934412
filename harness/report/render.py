"""The report, in every format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from harness.errors import HarnessError
from harness.report.formats.html import html_heading, html_notes, html_table
from harness.report.formats.json import Broken, json_of
from harness.report.formats.latex import PREAMBLE, WIDTH, escape, latex_notes, latex_table
from harness.report.formats.markdown import markdown_notes, markdown_table
from harness.report.formats.records import Record, csv_of, long, wide
from harness.report.formats.text import filled, text_notes, text_table
from harness.report.formats.text_columns import Shown, shown, stacked
from harness.report.formats.twin_columns import twin_columns
from harness.report.table.aggregation import Line, lines
from harness.report.table.catalogue import catalogue, find_all
from harness.report.table.column import Column
from harness.report.table.default_columns import key_columns, other_groups, speed_columns
from harness.report.table.filters import chosen
from harness.report.table.notes import Note, notes
from harness.report.table.rows import Row
from harness.report.table.sections import Section, sections
from harness.report.table.twins import pairs, twin_notes
from harness.report.table.view import EVERYTHING, View
from harness.specs import MetricSpec

Format = Literal["text", "markdown", "latex", "csv", "json", "html"]
FLAT = ("csv", "json")
"""Formats for programs."""


def render(
    rows: Iterable[Row],
    metrics: Sequence[MetricSpec],
    *,
    broken: Broken = (),
    format: Format = "text",
    width: int | None = None,
    view: View = EVERYTHING,
) -> str:
    """All rows, in one section per task, dataset, split, protocol and machine, with their notes.

    Args:
        metrics: the columns to show, in this order, where rows have such a metric. CSV and JSON
            hold every metric that the rows have.
        broken: plugins that did not load; CSV has no place for them, nor for notes.
        width: characters of a line of text. A wider section is stacked: first the methods'
            scores, then their costs. None for no limit; the other formats know none.
        view: which rows and columns, in which order.

    Raises:
        HarnessError: the view asks for an unknown column, for a condition that makes no
            sense or that no row meets, or for a layout that the format does not have.
    """
    every = list(rows)
    if view.layout == "long" and format not in FLAT:
        raise HarnessError(f"--layout long is for {' and '.join(FLAT)}, not for {format}")
    known = catalogue(every, metrics)
    columns = find_all(",".join(view.columns), known, "--columns") if view.columns else []
    view = replace(view, columns=tuple(column.name for column in columns))
    kept = chosen(every, view.filters, known)
    report = _Report(
        tables=[_Table(s, lines(s, view, known), columns) for s in sections(kept)],
        every=every,
        metrics=metrics,
        known=known,
        view=view,
    )
    if format == "csv":
        return csv_of(list(chain.from_iterable(map(report.records, report.tables))))
    if format == "json":
        return report.json(broken)
    return _Page(report, format, width if format == "text" else None).text(broken)


def records(rows: Iterable[Row], metrics: Sequence[MetricSpec]) -> list[Record]:
    """All rows as the CSV has them: name of a column -> value, of every column that there is."""
    every = list(rows)
    known = catalogue(every, metrics)
    found = [line for section in sections(every) for line in lines(section, EVERYTHING, known)]
    return wide(found, list(known.values()), EVERYTHING)


@dataclass(frozen=True)
class _Table:
    section: Section
    lines: list[Line]
    columns: list[Column]
    """Those asked for; empty: what suits."""


@dataclass(frozen=True, kw_only=True)
class _Report:
    tables: list[_Table]
    every: list[Row]
    metrics: Sequence[MetricSpec]
    known: Mapping[str, Column]
    view: View

    def records(self, table: _Table) -> list[Record]:
        flat = long if self.view.layout == "long" else wide
        return flat(table.lines, table.columns or list(self.known.values()), self.view)

    def json(self, broken: Broken) -> str:
        view = self.view
        as_asked = bool(view.columns or view.layout or view.aggregate)
        return json_of(
            [
                (
                    table.section,
                    [row for line in table.lines for row in line],
                    self.records(table) if as_asked else None,
                )
                for table in self.tables
            ],
            self.every,
            self.metrics,
            view,
            broken,
        )

    def groups(self, table: _Table) -> tuple[list[Column], list[list[Column]]]:
        """The columns that tell lines apart, and the others in groups."""
        if not table.columns:
            section = table.section
            key = key_columns(section, self.known)
            return key, other_groups(section, self.known, self.metrics)
        # The key is repeated where a table is stacked.
        cut = 1 if table.columns[0].name == "method" else 0
        return table.columns[:cut], [table.columns[cut:]]


@dataclass(frozen=True)
class _Page:
    """A report for people."""

    report: _Report
    format: Format
    width: int | None

    def text(self, broken: Broken) -> str:
        report = self.report
        said = [notes(table.section, report.metrics, report.view) for table in report.tables]
        common = _common(said)
        blocks = [PREAMBLE] if self.format == "latex" else []
        for table, own in zip(report.tables, said, strict=True):
            blocks.append(self._table(table, [note for note in own if note not in common]))
            blocks += self._twins(table.section)
        if common:
            blocks.append(self._under("All tables", common))
        if broken:
            blocks.append(
                self._under(
                    "Plugins that did not load",
                    [Note(f"{name}: {how}: {' '.join(why.split())}") for name, how, why in broken],
                )
            )
        return "\n\n".join(blocks) + "\n"

    def _table(self, table: _Table, said: Sequence[Note]) -> str:
        key, groups = self.report.groups(table)
        return self._block(
            table.section.heading(),
            shown(key, table.lines),
            [shown(group, table.lines) for group in groups],
            said,
        )

    def _twins(self, section: Section) -> list[str]:
        """A block under the section's table; none where no row has a twin, or where the reader has
        named the columns."""
        report = self.report
        if report.view.columns:
            return []
        found = pairs(section, report.every, report.metrics)
        if not found:
            return []
        # Of an epoch; where only time was measured there are no metrics, and so no pairs.
        speed = report.known[speed_columns(section)[0]]
        key, groups = twin_columns(section, found, report.metrics, speed)
        said = [Note(text) for text in twin_notes(section, found, report.metrics)]
        return [self._block("Compared with single-task methods", key, groups, said, level=4)]

    def _block(
        self,
        heading: str,
        key: Sequence[Shown],
        groups: Sequence[Sequence[Shown]],
        said: Sequence[Note],
        level: int = 3,
    ) -> str:
        if self.format == "markdown":
            body = markdown_table([*key, *chain(*groups)])
            lines = [f"{'#' * level} {heading}", "", body, "", *markdown_notes(said)]
            return "\n".join(lines).rstrip("\n")
        if self.format == "html":
            body = html_table([*key, *chain(*groups)])
            return "\n".join([html_heading(heading, level), body, *html_notes(said)])
        if self.format == "latex":
            return latex_table(heading, stacked(key, groups, WIDTH), said)
        body = "\n\n".join(map(text_table, stacked(key, groups, self.width)))
        lines = [filled(heading, self.width), "", body, "", *text_notes(said, self.width)]
        return "\n".join(lines).rstrip("\n")

    def _under(self, heading: str, said: Sequence[Note]) -> str:
        if self.format == "latex":
            return "\n".join([rf"\paragraph{{{escape(heading)}}}", *latex_notes(said)])
        if self.format == "markdown":
            return "\n".join([f"### {heading}", "", *markdown_notes(said)])
        if self.format == "html":
            return "\n".join([html_heading(heading, 3), *html_notes(said)])
        return "\n".join([heading, "", *text_notes(said, self.width)])


def _common(said: Sequence[Sequence[Note]]) -> list[Note]:
    """Notes that every one of several sections has, to be printed once for all."""
    if len(said) < 2:
        return []
    return [note for note in said[0] if all(note in others for others in said[1:])]
