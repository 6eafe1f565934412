"""What the metadata files say: where each image came from, and which patient's it is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from harness import GROUP_COLUMNS, HarnessError, name_order, named_file, read_table
from harness_radiography.layout import CLASSES, Entry, Layout, class_of

GROUPS_FILE = "groups.csv"
UNKNOWN_SOURCE = "unknown"

Columns = Mapping[str, str]
"""``path``, ``group`` or ``source`` -> its column of ``groups.csv``, where it is not called as
usual."""

_FIELDS = {"path": ("file",), "group": ("patient_id", *GROUP_COLUMNS), "source": ()}
_SUFFIX = ".metadata.xlsx"
# One host, many collections: there the path says which.
_SHARED_HOSTS = ("github.com", "kaggle.com")

Key = tuple[str, str]
"""Class and file stem without case: the Normal sheet writes NORMAL-1 for Normal-1.png."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Per image of the layout, in its order."""

    groups: tuple[str, ...] | None
    sources: tuple[str, ...] | None
    files: tuple[Path, ...]
    """What was read."""
    notes: tuple[str, ...]


def read_metadata(layout: Layout, columns: Columns) -> Metadata:
    """Patients and sources from ``groups.csv``, and sources from the ``URL`` of the xlsx files.

    Raises:
        HarnessError: a file is damaged, lacks a column, or ``groups.csv`` names a file twice or
            none of the images.
    """
    sheets = _sheets(layout.root)
    sources = {
        row.key: source_of(row.url) for path in sheets for row in sheet_rows(path) if row.url
    }
    table = layout.root / GROUPS_FILE
    if not os.path.lexists(table):
        if columns:
            name = next(iter(columns))
            raise HarnessError(
                f"--column {name}=…: there is no {table} to read it from", about=f"column.{name}"
            )
        found, notes = _sources(layout.entries, sources)
        return Metadata(None, found, sheets, ("groups unknown: the split may leak", *notes))
    rows, table_notes = group_rows(table, columns)
    sources.update({key: source for key, (_, source) in rows.items() if source})
    groups, group_notes = _groups(table, layout.entries, rows)
    found, notes = _sources(layout.entries, sources)
    return Metadata(groups, found, (*sheets, table), (*group_notes, *table_notes, *notes))


def source_of(url: str) -> str:
    """A short name for where an address leads: its host, with owner and name on shared hosts."""
    parts = urlsplit(url.strip() if "//" in url else f"//{url.strip()}")
    host = (parts.hostname or "").removeprefix("www.")
    if host in _SHARED_HOSTS:
        return "/".join([host, *[part for part in parts.path.split("/") if part][:2]])
    return host or UNKNOWN_SOURCE


def key_of(entry: Entry) -> Key:
    """What the tables know the image by."""
    return entry.class_name, entry.image.stem.lower()


def _sources(
    entries: Sequence[Entry], known: Mapping[Key, str]
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    sources = tuple(known.get(key_of(entry), UNKNOWN_SOURCE) for entry in entries)
    unknown = sources.count(UNKNOWN_SOURCE)
    if unknown == len(entries):
        return None, ("sources unknown: no metadata file names where an image comes from",)
    return sources, (f"{unknown} images have an unknown source",) if unknown else ()


def _groups(
    table: Path, entries: Sequence[Entry], rows: Mapping[Key, tuple[str, str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    patients = [rows.get(key_of(entry), ("", ""))[0] for entry in entries]
    missing = patients.count("")
    if missing == len(entries):
        raise HarnessError(
            f"{table}: names a patient for none of the {len(entries)} images; its column 'file' "
            "must read like COVID/images/COVID-1.png"
        )
    groups = tuple(patient or entry.id for patient, entry in zip(patients, entries, strict=True))
    notes = []
    if missing:
        notes.append(f"{GROUPS_FILE} names no patient for {missing} images: each is its own group")
    if strays := len(rows.keys() - {key_of(entry) for entry in entries}):
        notes.append(f"{GROUPS_FILE} names {strays} files that are not images of this dataset")
    return groups, tuple(notes)


def group_rows(table: Path, columns: Columns) -> tuple[dict[Key, tuple[str, str]], tuple[str, ...]]:
    """Image -> patient and source, either of which may be empty; and the notes on the
    table.

    Raises:
        HarnessError: the table cannot be read, lacks a column, or names a file twice.
    """
    content = read_table(
        table, _FIELDS, needed=("path", "group"), chosen=columns, missing=("group", "source")
    )
    rows: dict[Key, tuple[str, str]] = {}
    for row in content.rows:
        path = PurePosixPath(named_file(table, row, "path"))
        folder = path.parts[0]
        key = class_of(folder) or folder, path.stem.lower()
        if key in rows:
            raise HarnessError(f"{table}, line {row.line}: {path} was named before; keep one row")
        rows[key] = row.values["group"], row.values["source"]
    return rows, content.notes


def _sheets(root: Path) -> tuple[Path, ...]:
    """The metadata files of the classes, in the order of the classes."""
    found: dict[str, Path] = {}
    for path in sorted(root.iterdir(), key=lambda path: name_order(path.name)):
        if path.name.lower().endswith(_SUFFIX) and not path.name.startswith((".", "~")):
            name = class_of(path.name[: -len(_SUFFIX)])
            if name is None or name in found:
                raise HarnessError(
                    f"{path}: expected one '<class>{_SUFFIX}' for each of {', '.join(CLASSES)}"
                )
            found[name] = path
    return tuple(found[name] for name in CLASSES if name in found)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a class's sheet; url and size are empty where the sheet has none."""

    key: Key
    file: str
    url: str
    size: str


def sheet_rows(path: Path) -> Iterator[SheetRow]:
    """Every row of a class's sheet that names a file.

    Raises:
        HarnessError: it is no workbook, or lacks a column; names it.
    """
    name = class_of(path.name[: -len(_SUFFIX)])
    assert name is not None, "only class sheets get here"
    header, *rows = _workbook_rows(path) or [()]
    columns = [str(cell).strip().upper() for cell in header]
    if missing := {"FILE NAME", "URL"} - set(columns):
        raise HarnessError(f"{path}: has no column {' and '.join(sorted(missing))}")
    for row in rows:
        cells = dict(zip(columns, row, strict=False))
        if cells.get("FILE NAME") is not None:
            file, url, size = (
                str(cells.get(column) or "").strip() for column in ("FILE NAME", "URL", "SIZE")
            )
            yield SheetRow((name, file.lower().removesuffix(".png")), file, url, size)


def _workbook_rows(path: Path) -> list[tuple[object, ...]]:
    # Slow to import, and needed only once a dataset is opened.
    from openpyxl import load_workbook

    if not path.is_file():
        raise HarnessError(f"{path}: is not a regular file; move it elsewhere")
    try:
        with path.open("rb") as file:
            book = load_workbook(file, read_only=True, data_only=True)
            return list(book.worksheets[0].iter_rows(values_only=True))
    except Exception as error:  # openpyxl lets whatever its zip and XML readers meet escape
        raise HarnessError(f"{path}: cannot be read as a workbook ({error})") from error
