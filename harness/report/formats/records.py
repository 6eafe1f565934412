"""Tables for programs: flat records of named values, and CSV of them.

A measured column of lines over several seeds becomes four: ``NAME`` (the mean), ``NAME.min``,
``NAME.max`` and ``NAME.n``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.report.table.aggregation import Line
from harness.report.table.column import Column, Value
from harness.report.table.filters import as_text
from harness.report.table.numbers import mean
from harness.report.table.view import View
from harness.storage.csv_text import csv_text, no_formula

Record = dict[str, Value]


def wide(found: Iterable[Line], columns: Sequence[Column], view: View) -> list[Record]:
    """A record per line: name of a column -> value."""
    return [
        {
            name: value
            for column in columns
            for name, value in _values(column.name, column, line, view).items()
        }
        for line in found
    ]


def long(found: Iterable[Line], columns: Sequence[Column], view: View) -> list[Record]:
    """A record per line and measured column: the other columns, then ``metric`` and ``value``.

    Metrics that no line has are left out; where some lines have one, the others' value is None.
    """
    every = list(found)
    facts = [column for column in columns if not column.measured]
    figures = [
        column
        for column in columns
        if column.measured and any(column.numbers(line) for line in every)
    ]
    return [
        {
            **{column.name: _common(column, line) for column in facts},
            "metric": figure.name,
            **_values("value", figure, line, view),
        }
        for line in every
        for figure in figures
    ]


def csv_of(records: Sequence[Record]) -> str:
    """RFC 4180 with a header; numbers with all their digits, what is unknown empty. Text that a
    spreadsheet would run as a formula has an apostrophe in front."""
    names = list(dict.fromkeys(name for record in records for name in record))
    heads = [no_formula(name) for name in names]
    return csv_text(heads, ([_csv(record.get(name)) for name in names] for record in records))


def _csv(value: Value) -> str:
    if value is None:
        return ""
    return no_formula(value) if isinstance(value, str) else as_text(value)


def _values(name: str, column: Column, line: Line, view: View) -> Record:
    if not column.measured:
        return {name: _common(column, line)}
    numbers = column.numbers(line)
    if not view.aggregate:
        return {name: column.value(line[0])}
    return {
        name: mean(numbers) if numbers else None,
        f"{name}.min": min(numbers, default=None),
        f"{name}.max": max(numbers, default=None),
        f"{name}.n": len(numbers),
    }


def _common(column: Column, line: Line) -> Value:
    """The value that all rows of the line have; several are listed."""
    values = list(dict.fromkeys(map(column.value, line)))
    if len(values) == 1:
        return values[0]
    return " ".join(as_text(value) for value in values if value is not None)
