"""A table of images: ``path, label[, mask, group, source, split]``, one row each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import (
    GROUP_COLUMNS,
    HarnessError,
    TableRow,
    counted_spellings,
    is_existing_file,
    is_missing_mark,
    name_order,
    named_file,
    read_table,
    refuse_alike,
    require_regular,
)
from harness_folder.found import Found, Row, check, masks_note, part_of
from harness_folder.groups import Columns

TABLE = "dataset.csv"
_NAMED = 3
_FIELDS = {
    "path": (),
    "label": (),
    "mask": (),
    "group": GROUP_COLUMNS,
    "source": (),
    "split": (),
}


def read_listing(given: Path, columns: Columns) -> Found:
    """The images that the table names: ``given``, or ``dataset.csv`` in the folder ``given``.

    Args:
        given: the table, or its folder.
        columns: field -> column, where it is not called as usual.

    Raises:
        HarnessError: there is no such table, it lacks a column, or a row cannot be meant; names
            table and line. Also where it names files that do not exist, one class in two ways, or
            a missing value instead of a class.
    """
    table = given / TABLE if given.is_dir() else given
    if not os.path.lexists(table):
        raise HarnessError(f"{table}: no such table; expected the columns path and label")
    content = read_table(
        table, _FIELDS, needed=("path", "label"), chosen=columns, missing=("group", "source")
    )
    if not content.rows:
        raise HarnessError(f"{table}: has a header and no rows; write one row per image")
    _refuse_missing_labels(table, content.rows)
    rows: dict[str, Row] = {}
    labels: dict[str, str] = {}
    for line in content.rows:
        row = _row(table, line)
        if row.id in rows:
            raise HarnessError(
                f"{table}, line {line.line}: {row.id} was named before; keep one row"
            )
        rows[row.id] = row
        labels.setdefault(row.label, f"line {line.line}")
    try:
        refuse_alike("class", labels)
    except HarnessError as error:
        raise HarnessError(f"{table}: {error}") from error
    for row in rows.values():
        for file in filter(None, (row.image, row.mask)):
            require_regular(file)
    _check_files(table, rows)
    found = tuple(rows.values())
    classes = tuple(sorted(labels, key=name_order))
    notes = [*masks_note(found), *content.notes]
    alone = sum(not row.group for row in found)
    if 0 < alone < len(found):
        column = content.columns["group"]
        notes.append(
            f"{table.name}: {alone} of {len(found)} images have no {column}: each is its own group"
        )
    return check(Found(table.parent, found, classes, (table,), owns_root=False, notes=tuple(notes)))


def _refuse_missing_labels(table: Path, rows: Sequence[TableRow]) -> None:
    if found := [row for row in rows if is_missing_mark(row.values["label"])]:
        said = counted_spellings(row.values["label"] for row in found)
        raise HarnessError(
            f"{table}: {len(found)} of {len(rows)} rows have no label but a mark of a missing "
            f"value ({said}), the first on line {found[0].line}; delete these rows, or, if it is a "
            "class, write its name in full"
        )


def _row(table: Path, found: TableRow) -> Row:
    line, values = found.line, found.values
    for column in ("path", "label"):
        if not values[column]:
            raise HarnessError(f"{table}, line {line}: has no {column}")
    part = ""
    if said := values["split"]:
        known = part_of(said)
        if known is None:
            raise HarnessError(
                f"{table}, line {line}: unknown split {said!r}; use train, val, test, test-<name>, "
                "or nothing for an image in no part"
            )
        part = known
    name = named_file(table, found, "path")
    return Row(
        id=name,
        label=values["label"],
        image=table.parent / name,
        mask=table.parent / named_file(table, found, "mask") if values["mask"] else None,
        group=values["group"],
        source=values["source"],
        part=part,
    )


def _check_files(table: Path, rows: Mapping[str, Row]) -> None:
    files = [file for row in rows.values() for file in (row.image, row.mask) if file is not None]
    if missing := [file for file in files if not is_existing_file(file)]:
        shown = ", ".join(file.relative_to(table.parent).as_posix() for file in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise HarnessError(
            f"{table}: names {len(missing)} of {len(files)} files that do not exist: {shown}{more}"
        )
