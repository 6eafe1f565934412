"""Files that a table names."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from harness.data.sources.tables import TableRow
from harness.errors import HarnessError


def relative_path(table: Path, line: int, text: str) -> str:
    """A file that a table names, relative to the table's folder, with slashes; an absolute path
    will do if it leads into that folder.

    Raises:
        HarnessError: the path leads elsewhere or is not a file; names the line.
    """
    path = _within(table, PurePosixPath(text.replace("\\", "/")))
    where = f"{table}, line {line}: {text!r}"
    if path is None or re.match(r"[A-Za-z]:", str(path)):
        raise HarnessError(
            f"{where} must be relative to the table and lie in its folder; move the table to a "
            "folder above all of its files and write their paths from there"
        )
    if not path.parts:
        raise HarnessError(f"{where} names the table's own folder, not a file in it")
    return path.as_posix()


def named_file(table: Path, row: TableRow, field: str) -> str:
    """The file that a row names, as :func:`relative_path`: the one with exactly this name where
    there is one, or else without blanks around it.

    Raises:
        HarnessError: as :func:`relative_path`.
    """
    text, tidy = row.stored[field], row.values[field]
    if text != tidy or "\\" in text:
        exact = _within(table, PurePosixPath(text))
        if exact is not None and is_existing_file(table.parent / exact):
            return exact.as_posix()
    return relative_path(table, row.line, tidy)


def is_existing_file(path: Path) -> bool:
    """Whether the file exists; False for a name that no file system takes."""
    try:
        return path.is_file()
    except OSError:
        return False


def _within(table: Path, path: PurePosixPath) -> PurePosixPath | None:
    """The path relative to the table's folder; None where it leads elsewhere."""
    if path.is_absolute():
        for folder in (table.parent.absolute(), table.parent.resolve()):
            if path.is_relative_to(folder):
                path = path.relative_to(folder)
                break
    return None if path.is_absolute() or ".." in path.parts else path
