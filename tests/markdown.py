"""Tables of a Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterator


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """Every table as rows: head -> text of the cell, without code marks."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *body = [[c.strip() for c in r.strip("|").split("|")] for r in table.splitlines()]
        yield [dict(zip(head, (cell.strip("`") for cell in row), strict=True)) for row in body]
