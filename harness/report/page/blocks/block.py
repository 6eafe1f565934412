"""What a page consists of: chapters of blocks. The template knows these and nothing of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from harness.report.formats.records import Record, csv_of
from harness.report.formats.text_columns import Shown, body_rows
from harness.report.page.blocks.sketch import Sketch

Kind = Literal["text", "chart", "leaderboard", "heat", "matrices", "pictures", "pairs"]

_PLAIN_IN_CSV = "/:;,@()[]{}|=+*!'$.-_~"
"""Characters that need no percent sign in the address of a file that is its own content."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as people read it."""

    columns: Sequence[Shown]
    values: Sequence[Sequence[str | float | None]] | None = None
    """What the cells are sorted by, line by line; None for a table that stays in its order."""

    @property
    def rows(self) -> list[list[str]]:
        return body_rows(self.columns)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a chapter. Texts are plain: the template escapes them."""

    kind: Kind = "text"
    id: str = ""
    """Unique on the page; needed by charts, and by files to be saved."""
    title: str = ""
    text: Sequence[str] = ()
    """Paragraphs."""
    bullets: Sequence[str] = ()
    chart: Mapping[str, Any] | None = None
    """A Vega-Lite specification; its data are the CSV's."""
    sketch: Sketch | None = None
    """The chart without scripts."""
    drawing: Any = None
    """What the template draws for this kind."""
    table: Table | None = None
    folded: bool = False
    """Whether the table is closed until a reader opens it."""
    records: Sequence[Record] = ()
    """Every value, for the CSV."""
    notes: Sequence[str] = ()
    verbatim: str = ""
    """A file, shown as it is."""

    @property
    def csv(self) -> str:
        """The address of the CSV: the file itself."""
        text = csv_of(self.records).encode("utf-8", "backslashreplace")
        return f"data:text/csv;charset=utf-8,{quote(text, safe=_PLAIN_IN_CSV)}"

    @property
    def numeric(self) -> dict[str, str]:
        """The columns of the records that a chart reads as numbers."""
        names = dict.fromkeys(name for record in self.records for name in record)
        return {name: "number" for name in names if self._is_number(name)}

    def _is_number(self, name: str) -> bool:
        found = [record.get(name) for record in self.records]
        known = [value for value in found if value is not None]
        return bool(known) and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in known
        )


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A heading with its blocks."""

    id: str
    title: str
    blocks: Sequence[Block]
    side_by_side: bool = False
    """Whether blocks stand in two columns where there is room."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The chapters about one dataset, split, protocol and machine."""

    id: str
    title: str
    """Empty where the page has one part only."""
    chapters: Sequence[Chapter]


@dataclass(frozen=True, kw_only=True)
class Page:
    title: str
    lead: Sequence[str]
    """What was run, on what and when."""
    warning: str
    """What the page must not be taken for; empty where there is no such thing."""
    parts: Sequence[Part]
