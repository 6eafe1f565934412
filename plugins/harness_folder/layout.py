"""Class folders: which files under a root are images and masks, and of which class and part."""

from __future__ import annotations

import os
from pathlib import Path

from harness import (
    HarnessError,
    count_files,
    folder_contents,
    name_order,
    refuse_alike,
    undoubled_folder,
)
from harness_folder.classfolder import ClassFolders
from harness_folder.found import Found, Row, check, masks_note, part_of, with_left_out
from harness_folder.groups import GROUPS_FILE, Columns, with_groups

EXPECTED = (
    "expected <class>/*.png, or <class>/images/*.png with <class>/masks/*.png, "
    "either of them also inside train, val and test"
)
_DEEPEST = 4
"""Folders within each other that an archive may have left around the dataset."""


def read_folder(given: Path, columns: Columns) -> Found:
    """Index the dataset at ``given``, or in the one folder within it; opens no image.

    Args:
        given: the folder with the class folders, or one around it.
        columns: field -> column of ``groups.csv``, where it is not called as usual.

    Raises:
        HarnessError: the folders are not such a dataset, a file is misplaced, or two
            class folders have one name; see also :func:`with_groups`.
    """
    reader = ClassFolders()
    root = _dataset_folder(given, reader)
    inside = folder_contents(root)
    reader.strays("no class", inside, known=(GROUPS_FILE,))
    if not inside.folders:
        raise HarnessError(with_left_out(f"{root}: holds no folder; {EXPECTED}", reader.notes()))
    if {top.name.lower() for top in inside.folders} <= {"images", "masks"}:
        raise HarnessError(
            f"{root}: holds images and masks but no class folders; {EXPECTED}; "
            "or list the images with --dataset csv"
        )
    tops, notes = _without_copies(inside.folders)
    rows: list[Row] = []
    labels: dict[str, str] = {}
    for part, folder in _parts(root, tops):
        inner = folder_contents(undoubled_folder(folder)) if part else None
        if inner is not None:
            reader.strays(folder.name, inner)
        for class_folder in tops if inner is None else inner.folders:
            place = f"{folder.name}/{class_folder.name}" if part else class_folder.name
            labels.setdefault(class_folder.name, place)
            found = reader.rows(class_folder, place, part)
            rows += sorted(found, key=lambda row: name_order(row.id))
            if not found:
                notes.append(f"{place} has no images")
    refuse_alike("class", {name: str(root / place) for name, place in labels.items()})
    classes = tuple(sorted({row.label for row in rows}, key=name_order))
    if len(tops) == 1 and len(classes) < 2:
        problem = (
            f"{root}: holds the one folder {tops[0].name!r}; name that folder if it is the "
            f"dataset's; {EXPECTED}"
        )
        raise HarnessError(with_left_out(problem, reader.notes()))
    notes += [*masks_note(rows), *reader.notes()]
    if root != given:
        notes.append(f"the dataset is in {root.relative_to(given).as_posix()}")
    found_all = check(Found(root, tuple(rows), classes, notes=tuple(notes)))
    table = root / GROUPS_FILE
    if os.path.lexists(table):
        return with_groups(found_all, table, columns)
    if columns:
        name = next(iter(columns))
        raise HarnessError(
            f"--column {name}=…: there is no {table} to read it from", about=f"column.{name}"
        )
    return found_all


def _dataset_folder(given: Path, reader: ClassFolders) -> Path:
    """The folder that holds more than another folder: archives leave some around a dataset.

    Raises:
        HarnessError: a link next to such a folder leads nowhere, or a table of groups lies there.
    """
    folder = given
    for _ in range(_DEEPEST):
        inside = folder_contents(folder)
        if len(inside.folders) != 1 or inside.images or part_of(inside.folders[0].name):
            break
        (only,) = inside.folders
        inner = folder_contents(only)
        names = {path.name.lower() for path in inner.folders}
        if inner.images or names <= {"images", "masks"}:
            break  # A class.
        if (folder / GROUPS_FILE).is_file():
            raise HarnessError(
                f"{folder / GROUPS_FILE}: must lie with the class folders; move it into "
                f"{only}, and write its paths from there"
            )
        reader.strays("no class", inside)
        folder = only
    return folder


def _without_copies(tops: tuple[Path, ...]) -> tuple[list[Path], list[str]]:
    """The folders without one that holds all others again, as some archives do."""
    kept, notes = list(tops), []
    for top in tops:
        others = {other.name for other in tops if other != top}
        inside = folder_contents(undoubled_folder(top))
        if len(others) > 1 and not inside.images and others <= {f.name for f in inside.folders}:
            kept.remove(top)
            notes.append(
                f"left out: {top.name} ({count_files(top)} files), which repeats the folders "
                "next to it"
            )
    return kept, notes


def _parts(root: Path, tops: list[Path]) -> list[tuple[str, Path]]:
    """Part of the split and folder of classes; one without a part where there is no split."""
    parts = {top: part_of(top.name) for top in tops}
    if "train" not in parts.values():
        if None not in parts.values():
            names = ", ".join(top.name for top in tops)
            raise HarnessError(f"{root}: holds {names} but no folder train; {EXPECTED}")
        return [("", root)]
    found: dict[str, Path] = {}
    for top, part in parts.items():
        if part is None:
            raise HarnessError(
                f"{top}: lies beside the folder train and is not a part of a split; "
                "use train, val, test or test-<name>, or move it elsewhere"
            )
        if part in found:
            raise HarnessError(f"{top}: {found[part].name!r} is part {part} too; keep one")
        found[part] = top
    order = ("train", "val", "test")
    return sorted(found.items(), key=lambda item: (*(item[0] != name for name in order), item[0]))
