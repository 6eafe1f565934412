"""Tables as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A line of names and then the values: quoted where they must be, each line ended by CRLF."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(lines)
    return text.getvalue()
