"""CSV files as people and spreadsheets write them, read by the names of their columns.

Commas, semicolons and tabs separate; the text is UTF-8 or UTF-16, with or without a byte order
mark, or else Windows-1252. Rows without any text are passed over.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.sources.missing_values import counted_spellings, says_missing
from harness.errors import HarnessError, did_you_mean
from harness.storage.regular_files import require_regular

GROUP_COLUMNS = (
    *("group", "group_id", "patient", "patient_id", "subject", "subject_id", "case_id"),
    *("participant", "participant_id", "person_id"),
)
"""What a column of groups is called, in any case and with any separators."""

_SEPARATORS = (",", ";", "\t")
_SHOWN = 8
_SAVE_AS = "save it as 'CSV UTF-8'"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its text for each field, empty where the row has none."""

    line: int
    """Of the file, where the row ends; the first is 1."""
    values: Mapping[str, str]
    """Field -> text, without blanks around it; a line break in it is a blank."""
    stored: Mapping[str, str]
    """Field -> text as the file has it."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, by field."""

    rows: tuple[TableRow, ...]
    columns: Mapping[str, str]
    """Field -> the column that it was read from, as the file spells it."""
    notes: tuple[str, ...]
    """What a run notes once about the file: columns that are not used, an unusual encoding."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    first_line: str
    guessed: bool
    """Whether the encoding is a guess."""


def read_table(
    path: Path,
    fields: Mapping[str, Sequence[str]],
    *,
    needed: Collection[str],
    chosen: Mapping[str, str] | None = None,
    missing: Collection[str] = (),
) -> Table:
    """The file's rows, each field read from the column of that name.

    Upper and lower case, blanks, ``_``, ``-`` and ``.`` in a column's name do not matter.

    Args:
        fields: field -> other names of its column. A column with the field's own name wins.
        needed: fields that must have a column.
        chosen: field -> name of its column, instead of what it is usually called; empty for a
            field that is not to be read.
        missing: fields in which ``nan``, ``unknown``, ``-`` and the like mean missing values: they
            are read as empty, and a note counts them.

    Raises:
        HarnessError: the file cannot be read, two of its columns have one name, a field has no
            column or could have several, or a row has another number of cells; names file and line.
    """
    sheet = _read(path)
    _refuse_equal_names(path, sheet.header)
    chosen = chosen or {}
    if unknown := [name for name in chosen if name not in fields]:
        raise HarnessError(
            f"--column {unknown[0]}=…: {path.name} has no field of that name"
            f"{did_you_mean(unknown[0], fields)}; columns can be chosen for {', '.join(fields)}",
            about=f"column.{unknown[0]}",
        )
    places = {name: _place(path, sheet, name, others, chosen) for name, others in fields.items()}
    if lacking := [name for name in needed if places[name] is None]:
        if sheet.guessed:
            raise HarnessError(f"{path}: cannot be read as CSV: it is not UTF-8 text; {_SAVE_AS}")
        wanted = " and ".join(fields[name][0] if fields[name] else name for name in lacking)
        raise HarnessError(
            f"{path}: has no column {wanted}; its first line reads {sheet.first_line!r}. "
            f"Another column can be chosen: --column {lacking[0]}=NAME"
        )
    found = {name: place for name, place in places.items() if place is not None}
    rows = []
    passed_over: dict[str, list[str]] = {name: [] for name in missing}
    for line, cells in sheet.rows:
        if len(cells) <= max((found[name] for name in needed), default=-1):
            raise HarnessError(
                f"{path}, line {line}: does not have {len(sheet.header)} columns, as the first "
                "line has"
            )
        stored = dict.fromkeys(fields, "")
        stored.update({name: cells[at] for name, at in found.items() if at < len(cells)})
        values = {name: _tidy(text) for name, text in stored.items()}
        for name in missing:
            if says_missing(values[name]):
                passed_over[name].append(values[name])
                values[name] = ""
        rows.append(TableRow(line, values, stored))
    columns = {name: sheet.header[at] for name, at in found.items()}
    notes = _notes(path, sheet, found.values())
    notes += [
        f"{path.name}: read as missing in the column {columns[name]}: {counted_spellings(texts)}"
        for name, texts in passed_over.items()
        if texts
    ]
    return Table(tuple(rows), columns, tuple(notes))


def _read(path: Path) -> _Sheet:
    require_regular(path)
    try:
        text, guessed = _decoded(path.read_bytes())
        # Spreadsheets may say in a first line of its own what separates.
        stated = re.match(r'"?sep=(.)"?(\r?\n)', text)
        start = stated.end() if stated else 0
        # Rows without any text may come before the header, too.
        start += re.match(r'(?:(?:[\s,;]|"")*[\r\n])?', text[start:]).end()  # type: ignore[union-attr]
        first = re.match(r"[^\r\n]*", text[start:])[0]  # type: ignore[index]
        separator = stated[1] if stated else max(_SEPARATORS, key=first.count)
        skipped = len(re.findall(r"\r\n|\r|\n", text[:start]))
        lines = io.StringIO(text[start:], newline="")
        reader = csv.reader(lines, delimiter=separator, strict=True)
        header = tuple(_tidy(name) for name in next(reader, ()))
        rows = []
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            if any(map(str.strip, cells[len(header) :])):
                raise HarnessError(
                    f"{path}, line {reader.line_num + skipped}: does not have {len(header)} "
                    f"columns, as the first line has; text with {separator!r} in it needs quotes"
                )
            rows.append((reader.line_num + skipped, tuple(cells)))
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise HarnessError(
            f"{path}: cannot be read as CSV in UTF-8 ({error}); {_SAVE_AS}"
        ) from error
    return _Sheet(header, tuple(rows), first.strip(), guessed)


def _decoded(data: bytes) -> tuple[str, bool]:
    """The text, and whether its encoding is a guess."""
    # The mark of UTF-32 begins with that of UTF-16.
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise csv.Error("it is UTF-32, which few programs read")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16"), False
    if b"\0" in data:
        wide = "UTF-32" if b"\0\0" in data[:4] else "UTF-16"
        raise csv.Error(f"it holds zero bytes, as {wide} without a byte order mark does")
    try:
        return data.decode("utf-8-sig"), False
    except UnicodeDecodeError as error:
        try:
            return data.decode("cp1252"), True
        except UnicodeDecodeError:
            raise error from None


def _tidy(text: str) -> str:
    """Without blanks around it; a line break in quotes is a blank."""
    return re.sub(r"\s*[\r\n]+\s*", " ", text.strip())


def _refuse_equal_names(path: Path, header: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in header:
        key = name.casefold()
        if name and key in seen:
            raise HarnessError(
                f"{path}: has the columns {seen[key]!r} and {name!r}; rename or remove one"
            )
        seen[key] = name


def _key(name: str) -> str:
    return re.sub(r"[\s_\-.]", "", unicodedata.normalize("NFC", name).casefold())


def _place(
    path: Path, sheet: _Sheet, field: str, others: Sequence[str], chosen: Mapping[str, str]
) -> int | None:
    """Which column holds the field; None where none does."""
    if field in chosen:
        return _chosen_place(path, sheet, field, chosen[field]) if chosen[field] else None
    keys = {_key(name) for name in (field, *others)}
    every = [i for i, column in enumerate(sheet.header) if _key(column) in keys]
    # A column without any text cannot contradict another one.
    filled = [i for i in every if any("".join(cells[i : i + 1]).strip() for _, cells in sheet.rows)]
    found = filled or every
    # The first name is the one that the documents give; a column with it is meant.
    for name in (*others[:1], field):
        if exact := [i for i in found if sheet.header[i].casefold() == name]:
            return exact[0]
    if len(found) > 1:
        names = " and ".join(repr(sheet.header[i]) for i in found)
        raise HarnessError(
            f"{path}: the columns {names} could all be the {field}; say which: "
            f"--column {field}={sheet.header[found[0]]}"
        )
    return found[0] if found else None


def _chosen_place(path: Path, sheet: _Sheet, field: str, name: str) -> int:
    for same in (str, str.casefold, _key):
        if found := [i for i, column in enumerate(sheet.header) if same(column) == same(name)]:
            return found[0]
    raise HarnessError(
        f"--column {field}={name}: {path} has no such column{did_you_mean(name, sheet.header)}; "
        f"its columns: {', '.join(sheet.header)}",
        about=f"column.{field}",
    )


def _notes(path: Path, sheet: _Sheet, used: Collection[int]) -> list[str]:
    notes = []
    if sheet.guessed:
        notes.append(
            f"{path.name} is not UTF-8 and was read as Windows-1252; if letters are wrong, "
            f"{_SAVE_AS}"
        )
    filled = Counter(i for _, cells in sheet.rows for i, text in enumerate(cells) if text.strip())
    unused = [
        name or f"column {i + 1}, which has no name,"
        for i, name in enumerate(sheet.header)
        if i not in used and (name or filled[i])
    ]
    if unused:
        more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
        notes.append(f"{path.name}: columns not used: {', '.join(unused[:_SHOWN])}{more}")
    return notes
