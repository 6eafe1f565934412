"""CSV files as rows of text, whatever a spreadsheet has made of them."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from harness import HarnessError

_SEPARATORS = (",", ";", "\t")


def read_rows(table: Path, needed: Collection[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line number and column -> text, without blanks around it; columns are in lower case.

    Raises:
        HarnessError: the file cannot be read as CSV in UTF-8, or lacks a needed column; names it.
    """
    try:
        # Spreadsheets put a byte order mark before the header.
        with table.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            separator = max(_SEPARATORS, key=header.count)
            reader = csv.DictReader(file, delimiter=separator, strict=True)
            names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
            if missing := [name for name in needed if name not in names]:
                raise HarnessError(
                    f"{table}: lacks the column {' and '.join(missing)}; "
                    f"its first line reads {header.strip()!r}"
                )
            reader.fieldnames = names
            for row in reader:
                if None in row or None in row.values():
                    raise HarnessError(
                        f"{table}, line {reader.line_num}: does not have {len(names)} columns, as "
                        "the first line has"
                    )
                yield reader.line_num, {name: text.strip() for name, text in row.items()}
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise HarnessError(f"{table}: cannot be read as CSV in UTF-8 ({error})") from error


def relative(table: Path, line: int, text: str) -> str:
    """A file's path relative to the table's folder, with slashes.

    Raises:
        HarnessError: the path is absolute or leads out of that folder; names the line.
    """
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0][1:2]:
        raise HarnessError(
            f"{table}, line {line}: {text!r} must be relative to the table and lie in its folder"
        )
    return path.as_posix()
