"""``groups.csv`` beside the class folders: whose each image is, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness import GROUP_COLUMNS, Defect, HarnessError, named_file, read_table
from harness_folder.found import Found

GROUPS_FILE = "groups.csv"
_SHOWN = 3
_FIELDS = {"path": ("file",), "group": ("patient_id", *GROUP_COLUMNS), "source": ()}

Columns = Mapping[str, str]
"""Field of a table -> what its column is called, where it is not called as usual."""


def with_groups(found: Found, table: Path, columns: Columns) -> Found:
    """``found`` with the groups and sources of the table: ``file, patient_id[, source]``.

    Raises:
        HarnessError: the table is damaged, lacks a column, names a file twice or no image at all.
    """
    content = read_table(
        table, _FIELDS, needed=("path", "group"), chosen=columns, missing=("group", "source")
    )
    rows: dict[str, tuple[str, str]] = {}
    for row in content.rows:
        name = named_file(table, row, "path")
        if name in rows:
            raise HarnessError(f"{table}, line {row.line}: {name} was named before; keep one row")
        rows[name] = row.values["group"], row.values["source"]
    names = [row.image.relative_to(found.root).as_posix() for row in found.rows]
    if not any(rows.get(name, ("",))[0] for name in names):
        raise HarnessError(
            f"{table}: names a patient for none of the {len(names)} images; its column "
            f"{content.columns['path']!r} must read like {names[0]}"
        )
    joined = tuple(
        replace(row, group=rows.get(name, ("", ""))[0], source=rows.get(name, ("", ""))[1])
        for row, name in zip(found.rows, names, strict=True)
    )
    silent = [name for name in names if not rows.get(name, ("",))[0]]
    lost = sorted(rows.keys() - set(names))
    notes = []
    if silent:
        notes.append(_note(f"names no patient for {len(silent)} images", silent, "own group each"))
    if lost:
        notes.append(_note(f"names {len(lost)} files that are not here", lost, "ignored"))
    return replace(
        found,
        rows=joined,
        tables=(*found.tables, table),
        notes=(
            *found.notes,
            *(f"{GROUPS_FILE} {note.problem}" for note in notes),
            *content.notes,
        ),
        defects=(*found.defects, *notes),
    )


def _note(problem: str, names: Sequence[str], remedy: str) -> Defect:
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    problem = f"{problem}: {shown}"
    return Defect(file=GROUPS_FILE, severity="note", problem=problem, remedy=remedy, kind="no-join")
