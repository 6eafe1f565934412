"""Sheets of a workbook for a spreadsheet: numbers are numbers, and text is never a formula."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from harness.errors import HarnessError
from harness.report.table.column import Value
from harness.report.table.numbers import millions, number, percent, size_of, whole
from harness.results.browse.decimals import decimals
from harness.storage.csv_text import FORMULA
from harness.storage.names import on_one_line

Figure = Callable[[float], str]
"""How tables for people write a number."""

NARROWEST, WIDEST = 8, 60
"""Characters of a column."""
WRAPPED = 100
"""Characters of a column whose text is wrapped."""
_LONGEST = 32767
"""Characters of a cell."""
_TITLE = 31
"""Characters of a sheet's name."""
_NO_XML = re.compile("[\ufffe\uffff]")
_NO_TITLE = re.compile(r"[\[\]:*?/\\]")


@dataclass(frozen=True, slots=True)
class Shape:
    """A number format, and the same as Python writes it."""

    excel: str
    python: str


_COUNT = Shape("#,##0", ",.0f")
_EXPONENT = Shape("0.00E+00", ".2e")
_SHAPES: Mapping[Figure, Shape] = MappingProxyType(
    {
        decimals: Shape("0.0000", ".4f"),
        whole: Shape("0", ".0f"),
        millions: _COUNT,
        size_of: _COUNT,
        percent: Shape("0.0%", ".1%"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet: a row of headings and rows below them."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Value]]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Heading -> how its numbers are written; three significant digits for others."""
    fixed: int = 0
    """Columns that stay where they are when others are scrolled."""
    wrapped: frozenset[str] = frozenset()
    """Headings of the columns whose text may have several lines."""


def sheet_title(text: str, taken: Sequence[str]) -> str:
    """The text as a sheet may be called, and none other is: upper and lower case do not matter."""
    plain = _NO_TITLE.sub("-", _text(text))[:_TITLE].strip("' ") or "table"
    used = {title.casefold() for title in taken}
    title, count = plain, 1
    while title.casefold() in used:
        count += 1
        title = f"{plain[: _TITLE - len(str(count)) - 1]} {count}"
    return title


def xlsx_of(sheets: Sequence[Sheet]) -> bytes:
    """The workbook's file.

    Raises:
        HarnessError: the folder for temporary files, where each sheet is written first, is full.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    book.properties.creator = "harness"
    for sheet in sheets:
        _fill(book.create_sheet(sheet.title), sheet)
    file = io.BytesIO()
    try:
        book.save(file)
    except OSError as error:
        raise HarnessError(
            f"a workbook cannot be made in {tempfile.gettempdir()} ({error.strerror}); set TMPDIR "
            "to a folder with free space"
        ) from error
    return file.getvalue()


def _fill(page: Any, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    for place, head in enumerate(sheet.heads, start=1):
        _put(page.cell(1, place), head, number).font = Font(bold=True)
        longest = len(head) + 3  # The arrow of the filter stands over the heading.
        figure = sheet.figures.get(head, number)
        for line, values in enumerate(sheet.rows, start=2):
            cell = _put(page.cell(line, place), values[place - 1], figure)
            longest = max(longest, _width(values[place - 1], figure))
            if head in sheet.wrapped:
                cell.alignment = Alignment(wrap_text=True, vertical="top")
        limit = WRAPPED if head in sheet.wrapped else WIDEST
        width = min(max(longest + 1, NARROWEST), limit)
        page.column_dimensions[get_column_letter(place)].width = width
    page.freeze_panes = page.cell(2, sheet.fixed + 1)
    if sheet.rows:
        page.auto_filter.ref = page.dimensions


def _put(cell: Any, value: Value, figure: Figure) -> Any:
    """Write a value into a cell; text stays text, whatever it looks like."""
    if isinstance(value, str):
        cell.value = text = _text(value)
        cell.data_type = "s"
        cell.quotePrefix = text.startswith(FORMULA)
    else:
        cell.value = value
        if isinstance(value, int | float) and not isinstance(value, bool):
            cell.number_format = _shape(value, figure).excel
    return cell


def _width(value: Value, figure: Figure) -> int:
    """Characters that the cell of a value shows."""
    if value is None:
        return 0
    if isinstance(value, str | bool):
        return len(_text(str(value)))
    return len(format(value, _shape(value, figure).python))


def _shape(value: float, figure: Figure) -> Shape:
    """Three significant digits, unless numbers of the kind have a shape of their own."""
    size = abs(value)
    if size >= 1e15:
        return _EXPONENT
    if figure in _SHAPES:
        return _SHAPES[figure]
    if 0 < size < 0.001:
        return _EXPONENT
    digits = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 1 else 3
    return Shape("0." + "0" * digits if digits else "0", f".{digits}f")


def _text(text: str) -> str:
    """On one line, and nothing that a workbook cannot hold."""
    plain = _NO_XML.sub(lambda found: f"\\u{ord(found.group()):04x}", on_one_line(text))
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
