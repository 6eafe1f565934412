"""Tables and notes as plain text that fits a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from harness.report.formats.text_columns import Shown, alignment, body_rows, head_rows, width_of
from harness.report.table.notes import Note


def text_table(columns: Sequence[Shown]) -> str:
    """Columns two spaces apart, a rule under their headings."""
    # Headings are rows here: as headers tabulate would pad every column by two more spaces.
    heads = head_rows(columns)
    lines = tabulate(
        [*heads, *body_rows(columns)],
        tablefmt="plain",
        colalign=alignment(columns),
        disable_numparse=True,
    ).split("\n")
    rule = "-" * width_of(columns)
    return "\n".join(line.rstrip() for line in (*lines[: len(heads)], rule, *lines[len(heads) :]))


def text_notes(said: Iterable[Note], width: int | None) -> list[str]:
    """A list, and under a note the lines of its log."""
    lines: list[str] = []
    for note in said:
        lines += filled(f"- {note.text}", width, indent="  ").split("\n")
        lines += [_cut(f"    | {line}", width) for line in note.log]
    return lines


def filled(text: str, width: int | None, indent: str = "") -> str:
    """The text in lines of at most ``width`` characters, those after the first indented."""
    return textwrap.fill(text, width, subsequent_indent=indent) if width else text


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else line[: width - 1] + "…"
