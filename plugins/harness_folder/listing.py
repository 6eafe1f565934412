"""A table of images: ``path, label[, mask, group, source, split]``, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness import HarnessError
from harness_folder.found import Found, Row, check, natural, part_of
from harness_folder.tables import read_rows, relative

TABLE = "dataset.csv"
_NAMED = 3


def read_listing(given: Path) -> Found:
    """The images that the table names: ``given``, or ``dataset.csv`` in the folder ``given``.

    Raises:
        HarnessError: there is no such table, it lacks a column, or a row cannot be meant; names
            table and line. Also where it names files that do not exist.
    """
    table = given / TABLE if given.is_dir() else given
    if not table.is_file():
        raise HarnessError(f"{table}: no such table; expected the columns path and label")
    rows: dict[str, Row] = {}
    for line, values in read_rows(table, ("path", "label")):
        row = _row(table, line, values)
        if row.id in rows:
            raise HarnessError(f"{table}, line {line}: {row.id} was named before; keep one row")
        rows[row.id] = row
    _check_files(table, rows)
    classes = tuple(sorted({row.label for row in rows.values()}, key=natural))
    notes: tuple[str, ...] = ()
    masks = sum(row.mask is not None for row in rows.values())
    if 0 < masks < len(rows):
        notes = (f"{masks} of {len(rows)} images have a reference mask",)
    return check(
        Found(table.parent, tuple(rows.values()), classes, (table,), owns_root=False, notes=notes)
    )


def _row(table: Path, line: int, values: Mapping[str, str]) -> Row:
    for column in ("path", "label"):
        if not values[column]:
            raise HarnessError(f"{table}, line {line}: has no {column}")
    part = ""
    if said := values.get("split", ""):
        known = part_of(said)
        if known is None:
            raise HarnessError(
                f"{table}, line {line}: unknown split {said!r}; use train, val, test, test-<name>, "
                "or nothing for an image in no part"
            )
        part = known
    name = relative(table, line, values["path"])
    mask = values.get("mask", "")
    return Row(
        id=name,
        label=values["label"],
        image=table.parent / name,
        mask=table.parent / relative(table, line, mask) if mask else None,
        group=values.get("group", ""),
        source=values.get("source", ""),
        part=part,
    )


def _check_files(table: Path, rows: Mapping[str, Row]) -> None:
    files = [file for row in rows.values() for file in (row.image, row.mask) if file is not None]
    if missing := [file for file in files if not file.exists()]:
        shown = ", ".join(file.relative_to(table.parent).as_posix() for file in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise HarnessError(
            f"{table}: names {len(missing)} of {len(files)} files that do not exist: {shown}{more}"
        )
