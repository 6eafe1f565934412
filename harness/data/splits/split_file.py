"""Splits as files: CSV with the columns ``id`` and ``part``, for people to read, keep and edit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from harness.data.dataset import Samples
from harness.data.sources.tables import read_table
from harness.data.splits.notes import absent_class_notes
from harness.data.splits.split import (
    COLUMNS,
    GROUPS_UNKNOWN,
    SHARED,
    Split,
    build_split,
    listing,
    stored_parts,
    straddling,
)
from harness.errors import HarnessError
from harness.storage.json_files import write_bytes

_PART = re.compile(r"train|val|test|val\+test|test-[a-z0-9][a-z0-9_.\-]*")
_NAMED = 5


def is_part(name: str) -> bool:
    """Whether a split can have a part of this name."""
    return _PART.fullmatch(name) is not None


def write_split(split: Split, samples: Samples, path: Path) -> None:
    """Write the split to ``path``, sorted by id, whole or not at all.

    Raises:
        HarnessError: the file cannot be written.
    """
    content = listing(stored_parts(split), samples).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        raise HarnessError(f"{path}: the split cannot be written ({error.strerror})") from error


def read_split(path: Path, samples: Samples) -> Split:
    """The split in the file. Images that it does not name are in no part; those that the run has
    left out of the dataset are passed over.

    Raises:
        HarnessError: the file is missing or not a split file, names an image twice or one that the
            dataset lacks, uses an unknown part, or leaves train, val or test empty.
    """
    every = _rows(path, {*samples.ids, *samples.left_out})
    gone = set(samples.left_out)
    rows = [row for row in every if row[0] not in gone]
    _check(path, rows, samples)
    index_of = {name: index for index, name in enumerate(samples.ids)}
    members: dict[str, list[int]] = {}
    for name, part in rows:
        members.setdefault(part, []).append(index_of[name])
    parts = {part: np.array(indices, dtype=np.int64) for part, indices in members.items()}
    notes = []
    if samples.groups is None:
        notes.append(GROUPS_UNKNOWN)
    elif leaks := straddling(parts, samples.groups):
        plural = "s" if leaks > 1 else ""
        notes.append(f"the split file puts {leaks} group{plural} into several parts: it leaks")
    if left_out := len(samples) - len(rows):
        notes.append(f"{left_out} of {len(samples)} images are in no part of the split file")
    if lost := len(every) - len(rows):
        notes.append(f"{lost} images of the split file are left out of the run")
    notes += absent_class_notes(parts, samples)
    try:
        return build_split(parts, samples, notes)
    except HarnessError as error:
        raise HarnessError(f"{path}: {error}") from error


def _rows(path: Path, known: Collection[str]) -> list[tuple[str, str]]:
    """Image and part of every row; blanks around an image's name count where it is ``known``."""
    if not path.is_file():
        raise HarnessError(f"{path}: the split cannot be read: there is no such file")
    table = read_table(path, dict.fromkeys(COLUMNS, ()), needed=())
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise HarnessError(
            f"{path}: is not a split file: its first line lacks {' and '.join(missing)}; "
            "write 'id,part'"
        )
    return [
        (row.stored["id"] if row.stored["id"] in known else row.values["id"], row.values["part"])
        for row in table.rows
    ]


def _check(path: Path, rows: Sequence[tuple[str, str]], samples: Samples) -> None:
    if unknown := sorted({part for _, part in rows if not is_part(part)}):
        raise HarnessError(
            f"{path}: unknown part {_some(unknown)}; "
            f"use train, val, test, test-<name>, or {SHARED} instead of val and test"
        )
    used = {part for _, part in rows}
    if SHARED in used and used & {"val", "test"}:
        raise HarnessError(f"{path}: uses {SHARED} together with val or test; use one or the other")
    known = set(samples.ids)
    if strangers := [name for name, _ in rows if name not in known]:
        raise HarnessError(
            f"{path}: names {len(strangers)} of {len(rows)} images that this dataset does not "
            f"have: {_some(strangers)}; was it written for another dataset or version?"
        )
    if twice := [name for name, count in Counter(name for name, _ in rows).items() if count > 1]:
        raise HarnessError(
            f"{path}: names {len(twice)} images more than once: {_some(twice)}; "
            "every image is in one part"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(repr(name) for name in names[:_NAMED]) + more
