"""The format of a report, which the suffix of its file decides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from harness.errors import HarnessError, did_you_mean

TextFormat = Literal["text", "markdown", "latex", "csv", "json", "html"]
Format = Literal[TextFormat, "xlsx"]
FORMATS: tuple[Format, ...] = get_args(Format)

SUFFIXES: Mapping[str, Format] = MappingProxyType(
    {
        ".txt": "text",
        ".md": "markdown",
        ".tex": "latex",
        ".csv": "csv",
        ".json": "json",
        ".html": "html",
        ".xlsx": "xlsx",
    }
)
"""Suffix of a report's file -> its format; one for each."""


def format_of(
    file: Path | None, asked: Format | None, *, option: str = "--output", by: str = "--format"
) -> Format:
    """The format of a report in ``file``, or on standard output where that is None.

    The suffix decides, in upper or lower case. A pipe, a device and a file without a suffix take
    any format, and text where none is asked for.

    Args:
        asked: the format that the user has named, if any.
        option: names the file in errors.
        by: names the option ``asked`` comes from in errors.

    Raises:
        HarnessError: no format has the suffix, the format is another one, or a workbook has no
            file to go to.
    """
    if file is None:
        if asked == "xlsx":
            raise HarnessError(f"{by} xlsx needs a file: {option} NAME.xlsx")
        return asked or "text"
    _, dot, last = file.name.rpartition(".")
    suffix = f"{dot}{last}".lower() if dot else ""
    if not suffix or (file.exists() and not file.is_file()):
        return asked or "text"
    known = SUFFIXES.get(suffix)
    if known is None:
        raise HarnessError(
            f"{option} {file}: no format has the suffix {suffix}{did_you_mean(suffix, SUFFIXES)}; "
            f"end its name with one of {', '.join(SUFFIXES)}"
        )
    if asked is not None and asked != known:
        own = next(ending for ending, form in SUFFIXES.items() if form == asked)
        raise HarnessError(
            f"{option} {file}: {suffix} is the suffix of {known}, and {by} says {asked}; leave "
            f"{by} out, or name a file that ends with {own}"
        )
    return known
