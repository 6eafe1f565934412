"""What people see of a table, before it is text, Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.report.table.aggregation import Line
from harness.report.table.column import Column
from harness.storage.names import on_one_line

GAP = 2
"""Spaces between two columns of a plain table."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A column as it is written."""

    head: str
    """Of one line or more."""
    cells: Sequence[str]
    left: bool = False
    """Aligned to the left."""
    best: frozenset[int] = frozenset()
    """Positions of the cells with the best score."""


def shown(columns: Iterable[Column], found: Sequence[Line]) -> list[Shown]:
    """The columns with their text for every line."""
    return [
        Shown(c.head, [on_one_line(c.text(line)) for line in found], c.left, c.best(found))
        for c in columns
    ]


def stacked(
    key: Sequence[Shown], groups: Iterable[Sequence[Shown]], width: int | None
) -> list[list[Shown]]:
    """The columns of each table, which starts with the key.

    Groups stay whole, as many in a table as fit; only one that is too wide alone is cut.
    """
    tables: list[list[Shown]] = [[*key]]

    def fits(columns: Sequence[Shown]) -> bool:
        return width is None or width_of(columns) <= width

    for group in groups:
        if not fits([*tables[-1], *group]):
            tables.append([*key])
        for column in group:
            if not fits([*tables[-1], column]):
                tables.append([*key])
            tables[-1].append(column)
    return [table for table in tables if len(table) > len(key)] or tables[:1]


def width_of(columns: Sequence[Shown]) -> int:
    """Characters of a line of a plain table."""
    widths = (max(map(len, (*c.head.split("\n"), *c.cells))) for c in columns)
    return sum(widths) + GAP * (len(columns) - 1)


def head_rows(columns: Sequence[Shown]) -> list[list[str]]:
    """The lines of the headings, each aligned to the last row."""
    lines = [column.head.split("\n") for column in columns]
    height = max(map(len, lines))
    padded = [[""] * (height - len(head)) + head for head in lines]
    return [[head[row] for head in padded] for row in range(height)]


def body_rows(columns: Sequence[Shown]) -> list[list[str]]:
    """The cells, line by line."""
    return [list(cells) for cells in zip(*(column.cells for column in columns), strict=True)]


def alignment(columns: Iterable[Shown]) -> list[str]:
    """Text to the left, numbers to the right."""
    return ["left" if column.left else "right" for column in columns]
