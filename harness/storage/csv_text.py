"""Tables as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What begins a formula for a spreadsheet, also in the text of a file that it opens."""


def csv_text(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A line of names and then the values: quoted where they must be, each line ended by CRLF."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(lines)
    return text.getvalue()


def quoted(text: str) -> str:
    """One value, quoted where it must be, whatever ends the lines."""
    return '"' + text.replace('"', '""') + '"' if re.search('[,"\r\n]', text) else text


def no_formula(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
