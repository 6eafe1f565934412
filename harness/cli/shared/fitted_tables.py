"""Tables that fit a terminal: texts are wrapped, columns without room get a table of their own."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

_GAP = 2
_PAD = 2
"""Spaces that tabulate gives a heading and not a cell."""

Rows = Sequence[Sequence[str]]


def fitted_table(heads: Sequence[str], rows: Rows, width: int, *, wrapped: Sequence[int]) -> str:
    """A table of at most ``width`` characters a line, where words and the other columns allow it.

    Args:
        wrapped: positions of the columns whose texts may have several lines.
    """
    from tabulate import tabulate

    widths = _widths(heads, rows)
    for column in sorted(wrapped, key=lambda column: -widths[column]):
        least = max(_words(rows, column), len(heads[column]) + _PAD)
        widths[column] = max(least, widths[column] - max(0, _total(widths) - width))
    lines = [
        [
            _filled(cell, widths[column]) if column in wrapped else cell
            for column, cell in enumerate(row)
        ]
        for row in rows
    ]
    return tabulate(lines, headers=list(heads), disable_numparse=True)


def stacked_tables(
    heads: Sequence[str],
    rows: Rows,
    width: int,
    *,
    groups: Sequence[Sequence[int]],
    wrapped: Sequence[int],
) -> str:
    """One table, or one for each group of columns where that is too wide; each begins with the
    first column.

    Args:
        groups: positions of the columns that stay together.
        wrapped: as of :func:`fitted_table`.
    """
    whole = fitted_table(heads, rows, width, wrapped=wrapped)
    if widest(whole) <= width:
        return whole
    tables = []
    for group in groups:
        shown = (0, *group)
        own = [[row[column] for column in shown] for row in rows]
        inner = [place for place, column in enumerate(shown) if column in wrapped]
        tables.append(fitted_table([heads[c] for c in shown], own, width, wrapped=inner))
    return "\n\n".join(tables)


def path_lines(path: Path, width: int) -> list[str]:
    """The path in lines of at most ``width`` characters that end with a slash, where its names are
    no longer than that."""
    lines = [""]
    parts = str(path).split("/")
    for place, part in enumerate(parts):
        name = part if place == len(parts) - 1 else f"{part}/"
        if lines[-1] and len(lines[-1] + name) > width:
            lines.append("")
        lines[-1] += name
    return lines


def widest(text: str) -> int:
    """Characters of the longest line."""
    return max(map(len, text.split("\n")))


def _widths(heads: Sequence[str], rows: Rows) -> list[int]:
    return [
        max(len(head) + _PAD, *(_seen(row[column]) for row in rows)) if rows else len(head) + _PAD
        for column, head in enumerate(heads)
    ]


def _words(rows: Rows, column: int) -> int:
    """The longest word of a column."""
    return max((_seen(word) for row in rows for word in row[column].split()), default=0)


def _seen(text: str) -> int:
    """Characters that are seen: colours are not."""
    return len(click.unstyle(text))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
