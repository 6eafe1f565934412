"""The report for a spreadsheet: a sheet per section and for its single-task twins, one of notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.report.formats.json import Broken
from harness.report.formats.records import Record, wide
from harness.report.formats.xlsx import Figure, Sheet, sheet_title, xlsx_of
from harness.report.table.column import Column, Value, marked_name_of
from harness.report.table.default_columns import columns_of_values
from harness.report.table.notes import Note
from harness.report.table.numbers import UNKNOWN, whole
from harness.report.table.rows import Row
from harness.report.table.twins import Pair
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
from harness.results.browse.decimals import decimals
from harness.specs import MetricSpec

NOTES = "Notes"
"""The sheet of notes; each sheet's begin with what the sheet is of."""


def workbook(
    rows: Iterable[Row],
    metrics: Sequence[MetricSpec],
    *,
    broken: Broken = (),
    view: View = EVERYTHING,
) -> bytes:
    """The content of an XLSX file with all rows, in sheets like the sections of
    :func:`harness.report.render.render`.

    Columns have their stable names and numbers the 16 digits of a workbook; text reads as in tables
    for people, and what is unknown is empty.

    Raises:
        HarnessError: as of ``render``, or the folder for temporary files is full.
    """
    check_layout(view, "xlsx")
    report = report_of(rows, metrics, view)
    sheets: list[Sheet] = []
    said = [(table.section.heading(), report.notes(table)) for table in report.tables]
    common = common_notes([own for _, own in said])
    lines: list[tuple[str, str]] = []

    def title(text: str) -> str:
        # Excel keeps the name History for itself.
        return sheet_title(text, [NOTES, "History", *(sheet.title for sheet in sheets)])

    for table, (heading, own) in zip(report.tables, said, strict=True):
        row = table.section.first
        sheets.append(_sheet(title(f"{row.task} {row.dataset} {row.part}"), report, table))
        lines.append((sheets[-1].title, heading))
        lines += _lines(sheets[-1].title, [note for note in own if note not in common])
        if (twins := report.twins(table)) is not None:
            sheets.append(_twin_sheet(title(f"twins {row.dataset} {row.part}"), twins.pairs))
            lines += _lines(sheets[-1].title, twins.notes)
    lines += [*_lines("all sheets", common), *_lines(BROKEN, broken_notes(broken))]
    wrapped = frozenset(("note",))
    notes = Sheet(title=NOTES, heads=("sheet", "note"), rows=lines, wrapped=wrapped)
    return xlsx_of([*sheets, notes])


def _sheet(title: str, report: Report, table: Table) -> Sheet:
    asked = table.columns or columns_of_values(table.section, report.known, report.metrics)
    columns = [_as_read(column) for column in asked]
    found = wide(table.lines, columns, report.view)
    figures: dict[str, Figure] = {}
    for column in columns:
        for name in (column.name, f"{column.name}.min", f"{column.name}.max"):
            figures[name] = column.figure
        figures[f"{column.name}.n"] = whole
    fixed = int(columns[0].name == "method")
    return _of_records(title, found, figures, fixed)


def _as_read(column: Column) -> Column:
    """The column with people's text in place of its values, unless these are numbers."""
    shown = column.shown
    if shown is None or not column.left:
        return column

    def text(row: Row) -> Value:
        read = shown(row)
        return None if read == UNKNOWN else read

    return replace(column, value=text)


def _twin_sheet(title: str, pairs: Sequence[Pair]) -> Sheet:
    found = [
        {
            name: "/".join(map(str, value)) if isinstance(value, list) else value
            for name, value in {**pair.to_json(), **_names(pair)}.items()
        }
        for pair in pairs
    ]
    figures = {"value": decimals, "twin_value": decimals, "difference": decimals}
    return _of_records(title, found, {**figures, "seed": whole, "images": whole}, fixed=1)


def _names(pair: Pair) -> Record:
    """Both methods, as tables for people mark them."""
    twin = pair.twin_id if pair.twin is None else marked_name_of(pair.twin)
    return {"method": marked_name_of(pair.row), "twin": twin}


def _of_records(
    title: str, found: Sequence[Record], figures: dict[str, Figure], fixed: int
) -> Sheet:
    heads = list(dict.fromkeys(name for record in found for name in record))
    rows = [[record.get(name) for name in heads] for record in found]
    return Sheet(title=title, heads=heads, rows=rows, figures=figures, fixed=fixed)


def _lines(title: str, said: Iterable[Note]) -> list[tuple[str, str]]:
    """A row per note, and one for each line of its log."""
    return [(title, text) for note in said for text in (note.text, *note.log)]
