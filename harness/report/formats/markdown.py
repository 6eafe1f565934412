"""Tables and notes as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate

from harness.report.formats.text_columns import Shown, alignment, body_rows
from harness.report.table.notes import Note


def markdown_table(columns: Sequence[Shown]) -> str:
    """One table with all columns, whatever its width."""
    return tabulate(
        [list(map(_escaped, row)) for row in body_rows(columns)],
        headers=[
            _escaped(column.head.replace("/\n", "/").replace("\n", " ")) for column in columns
        ],
        tablefmt="github",
        colalign=alignment(columns),
        disable_numparse=True,
    )


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def markdown_notes(said: Iterable[Note]) -> list[str]:
    """A list, and under a note the lines of its log."""
    lines: list[str] = []
    for note in said:
        lines.append(f"- {note.text}")
        if note.log:
            lines += ["  ```", *(f"  {line}" for line in note.log), "  ```"]
    return lines
