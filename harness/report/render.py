"""The report as text, in every format that is text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from harness.report.file_format import TextFormat
from harness.report.formats.html import html_heading, html_notes, html_table
from harness.report.formats.json import Broken, json_of
from harness.report.formats.markdown import markdown_notes, markdown_table
from harness.report.formats.records import Record, csv_of, wide
from harness.report.formats.text import filled, text_notes, text_table
from harness.report.formats.text_columns import Shown, shown, stacked
from harness.report.formats.twin_columns import HEADING
from harness.report.paper import paper
from harness.report.table.aggregation import lines
from harness.report.table.catalogue import catalogue
from harness.report.table.notes import Note
from harness.report.table.rows import Row
from harness.report.table.sections import sections
from harness.report.table.view import EVERYTHING, View
from harness.report.tables import (
    BROKEN,
    Report,
    Table,
    broken_notes,
    check_layout,
    common_notes,
    report_of,
)
from harness.specs import MetricSpec


def render(
    rows: Iterable[Row],
    metrics: Sequence[MetricSpec],
    *,
    broken: Broken = (),
    format: TextFormat = "text",
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
    check_layout(view, format)
    report = report_of(rows, metrics, view)
    if format == "csv":
        return csv_of(list(chain.from_iterable(map(report.records, report.tables))))
    if format == "json":
        return _json(report, broken)
    if format == "latex":
        return paper(report, broken)
    return _Page(report, format, width if format == "text" else None).text(broken)


def records(rows: Iterable[Row], metrics: Sequence[MetricSpec]) -> list[Record]:
    """All rows as the CSV has them: name of a column -> value, of every column that there is."""
    every = list(rows)
    known = catalogue(every, metrics)
    found = [line for section in sections(every) for line in lines(section, EVERYTHING, known)]
    return wide(found, list(known.values()), EVERYTHING)


def _json(report: Report, broken: Broken) -> str:
    view = report.view
    as_asked = bool(view.columns or view.layout or view.aggregate)
    return json_of(
        [
            (
                table.section,
                [row for line in table.lines for row in line],
                report.records(table) if as_asked else None,
            )
            for table in report.tables
        ],
        report.every,
        report.metrics,
        view,
        broken,
    )


@dataclass(frozen=True)
class _Page:
    """A report for people."""

    report: Report
    format: TextFormat
    width: int | None

    def text(self, broken: Broken) -> str:
        report = self.report
        said = list(map(report.notes, report.tables))
        common = common_notes(said)
        blocks: list[str] = []
        for table, own in zip(report.tables, said, strict=True):
            blocks.append(self._table(table, [note for note in own if note not in common]))
            blocks += self._twins(table)
        if common:
            blocks.append(self._under("All tables", common))
        if broken:
            blocks.append(self._under(BROKEN, broken_notes(broken)))
        return "\n\n".join(blocks) + "\n"

    def _table(self, table: Table, said: Sequence[Note]) -> str:
        key, groups = self.report.groups(table)
        return self._block(
            table.section.heading(),
            shown(key, table.lines),
            [shown(group, table.lines) for group in groups],
            said,
        )

    def _twins(self, table: Table) -> list[str]:
        """A block under the section's table; nothing where no row has a twin."""
        twins = self.report.twins(table)
        if twins is None:
            return []
        return [self._block(HEADING, twins.key, twins.groups, twins.notes, level=4)]

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
        body = "\n\n".join(map(text_table, stacked(key, groups, self.width)))
        lines = [filled(heading, self.width), "", body, "", *text_notes(said, self.width)]
        return "\n".join(lines).rstrip("\n")

    def _under(self, heading: str, said: Sequence[Note]) -> str:
        if self.format == "markdown":
            return "\n".join([f"### {heading}", "", *markdown_notes(said)])
        if self.format == "html":
            return "\n".join([html_heading(heading, 3), *html_notes(said)])
        return "\n".join([heading, "", *text_notes(said, self.width)])
