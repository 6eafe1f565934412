"""What a layout or a table states about images: one row each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import (
    RASTER_SUFFIXES,
    Defect,
    HarnessError,
    counted_spellings,
    is_image_file,
    require_pydicom,
    says_missing,
)

UNKNOWN_SOURCE = "unknown"

_PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One image. What is unknown about it is empty."""

    id: str
    label: str
    image: Path
    mask: Path | None = None
    group: str = ""
    source: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Everything under a root."""

    root: Path
    """The folder that holds every file."""
    rows: tuple[Row, ...]
    classes: tuple[str, ...]
    tables: tuple[Path, ...] = ()
    """Files beside the images that were read."""
    owns_root: bool = True
    """Whether a file under ``root`` that is not named here is a stray one."""
    notes: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()


def part_of(name: str) -> str | None:
    """The part of a split that a folder or table calls so: ``train``, ``val``, ``test`` or
    ``test-…``; None for any other name."""
    name = name.lower()
    for part, spellings in _PARTS.items():
        if name in spellings:
            return part
    return name if re.fullmatch(r"test-[a-z0-9][a-z0-9_.\-]*", name) else None


def masks_note(rows: Sequence[Row]) -> tuple[str, ...]:
    """How many images have a mask, where some have and others not."""
    masks = sum(row.mask is not None for row in rows)
    return (
        (f"{masks} of {len(rows)} images have a reference mask",) if 0 < masks < len(rows) else ()
    )


def check(found: Found) -> Found:
    """``found``, if a run can use it, with a note of classes such as ``unknown``.

    Raises:
        HarnessError: fewer than two classes, or DICOM files without the package that reads them.
    """
    if len(found.classes) < 2:
        only = f", class {found.classes[0]!r}" if found.classes else ""
        problem = (
            f"{found.root}: images of at least two classes are needed, found {len(found.rows)} "
            f"images{only}"
        )
        raise HarnessError(with_left_out(problem, found.notes))
    for path in _all_files(found.rows):
        if path.suffix.lower() not in RASTER_SUFFIXES and is_image_file(path):
            require_pydicom(path)
            break
    return replace(found, notes=(*found.notes, *_missing_classes(found.rows)))


def _missing_classes(rows: Sequence[Row]) -> Iterable[str]:
    if named := [row.label for row in rows if says_missing(row.label)]:
        yield (
            "taken as a class, although its name may mean a missing label (with its images): "
            f"{counted_spellings(named)}; remove them if their class is unknown"
        )


def with_left_out(problem: str, notes: Iterable[str]) -> str:
    """The message, followed by what was found and is not taken."""
    return "\n  ".join([problem, *(note for note in notes if note.startswith("left out"))])


def _all_files(rows: Iterable[Row]) -> Iterable[Path]:
    for row in rows:
        yield row.image
        if row.mask is not None:
            yield row.mask
