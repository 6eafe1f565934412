"""Tables and notes as HTML fragments: no style sheet, no script, nothing to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from harness.report.formats.text_columns import Shown, body_rows
from harness.report.table.notes import Note


def html_table(columns: Sequence[Shown]) -> str:
    """One table with all columns, whatever its width; numbers to the right."""
    sides = ["left" if column.left else "right" for column in columns]
    heads = [
        f'<th style="text-align: {side}">{_lines(column.head)}</th>'
        for column, side in zip(columns, sides, strict=True)
    ]
    rows = [
        "".join(
            f'<td style="text-align: {side}">{escape(text)}</td>'
            for text, side in zip(row, sides, strict=True)
        )
        for row in body_rows(columns)
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{''.join(heads)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def html_heading(text: str, level: int) -> str:
    return f"<h{level}>{escape(text)}</h{level}>"


def html_notes(said: Iterable[Note]) -> list[str]:
    """A list, and under a note the lines of its log; nothing where there is no note."""
    items = [f"<li>{escape(note.text)}{_log(note.log)}</li>" for note in said]
    return ["<ul>", *items, "</ul>"] if items else []


def _log(lines: Sequence[str]) -> str:
    return f"<pre>{escape(chr(10).join(lines))}</pre>" if lines else ""


def _lines(head: str) -> str:
    return "<br>".join(map(escape, head.split("\n")))
