"""Where the metadata files disagree with the images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import Defect, HarnessError, image_size
from harness_radiography.layout import Entry, Layout, class_of
from harness_radiography.metadata import (
    GROUPS_FILE,
    Columns,
    Metadata,
    group_rows,
    key_of,
    sheet_rows,
)

_SHOWN = 3


def metadata_defects(layout: Layout, metadata: Metadata, columns: Columns) -> Iterator[Defect]:
    """Notes on names, on the sheets and on ``groups.csv``, at most one of a kind per table."""
    for entry in layout.entries:
        if not re.fullmatch(rf"{re.escape(entry.class_name)}-\d+", entry.image.stem, re.IGNORECASE):
            yield _note(
                layout.root,
                entry.image,
                f"is not named {entry.class_name}-NUMBER.png, as the dataset's images are",
                "used as it is",
                "name",
            )
    for path in metadata.files:
        if path.name == GROUPS_FILE:
            yield from _groups(layout, path, columns)
        else:
            yield from _sheet(layout, path)


def _sheet(layout: Layout, path: Path) -> Iterator[Defect]:
    name = class_of(path.name.partition(".")[0])
    images = {key_of(entry): entry for entry in layout.entries if entry.class_name == name}
    rows = list(sheet_rows(path))
    lost = [row.file for row in rows if row.key not in images]
    named = {row.key for row in rows}
    silent = [entry.image.name for key, entry in images.items() if key not in named]
    yield from _joins(layout, path, lost, silent, "their source is unknown")
    wrong = []
    for row in rows:
        seen = _size(images.get(row.key))
        stated = tuple(int(side) for side in re.findall(r"\d+", row.size))
        if seen and stated and stated != seen:
            wrong.append(f"{row.file} is {seen[0]} x {seen[1]}, SIZE says {row.size}")
    if wrong:
        problem = f"states a wrong SIZE in {len(wrong)} of {len(rows)} rows: {wrong[0]}"
        yield _note(layout.root, path, problem, "SIZE is not used", "size")


def _groups(layout: Layout, path: Path, columns: Columns) -> Iterator[Defect]:
    rows, _ = group_rows(path, columns)
    keys = {key_of(entry) for entry in layout.entries}
    lost = ["/".join(key) for key in rows if key not in keys]
    silent = [entry.id for entry in layout.entries if not rows.get(key_of(entry), ("",))[0]]
    yield from _joins(layout, path, lost, silent, "each is a group of its own")


def _joins(
    layout: Layout, path: Path, lost: Sequence[str], silent: Sequence[str], effect: str
) -> Iterator[Defect]:
    """Rows without an image, and images without a row."""
    if lost:
        problem = f"names {len(lost)} files that are not here: {_some(lost)}"
        yield _note(layout.root, path, problem, "the rows are ignored", "no-join")
    if silent:
        problem = f"has no row for {len(silent)} images: {_some(silent)}"
        yield _note(layout.root, path, problem, effect, "no-join")


def _size(entry: Entry | None) -> tuple[int, int] | None:
    try:
        return None if entry is None else image_size(entry.image)
    except HarnessError:
        return None  # Said of the image itself.


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _note(root: Path, path: Path, problem: str, remedy: str, kind: str) -> Defect:
    file = path.relative_to(root).as_posix()
    return Defect(file=file, severity="note", problem=problem, remedy=remedy, kind=kind)
