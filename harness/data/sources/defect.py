"""What can be wrong with a dataset's files, and how a dataset lists its files.

In addition to what :class:`harness.Dataset` requires, a dataset may have

- ``files``, a :class:`SampleFiles`: the shared checks of :mod:`harness.data.defects.verify` then
  look into every file; without it they only try to read every image and mask;
- ``defects(progress)``, which yields a :class:`Defect` for whatever the dataset itself knows to be
  wrong: files that belong to no image, tables that do not join. ``progress(done, total)`` may be
  called now and then.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.data.sources.folders import is_left_behind
from harness.errors import HarnessError
from harness.storage.names import as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One thing that is wrong with one file."""

    file: str
    """Relative to the dataset's folder, with slashes; an image's id where it has no file."""
    severity: Literal["error", "note"]
    """A run stops at an error; a note states what was done, or what to know."""
    problem: str
    """What was seen, in one line."""
    remedy: str = ""
    """What to do about it, or what the harness does."""
    kind: str = "dataset"
    """One word for programs: the same for all defects of one sort."""

    def __post_init__(self) -> None:
        if self.severity not in ("error", "note"):
            raise HarnessError(
                f"a defect of {self.file!r} is {self.severity!r}; it must be an error or a note"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFiles:
    """The files that a dataset's images and masks are read from, one entry per sample."""

    root: Path
    """The dataset's folder, which holds them all."""
    images: tuple[Path, ...]
    masks: tuple[Path | None, ...]

    def name(self, path: Path) -> str:
        """The path relative to the dataset's folder, with slashes; bytes that are not UTF-8 as
        ``\\xNN``."""
        return as_text(path.relative_to(self.root).as_posix())


def stray_files(root: Path, known: Collection[Path]) -> Iterator[Defect]:
    """A note for every file under ``root`` that is not among ``known``; hidden ones, and what
    systems leave behind, are distinguished.

    A hidden folder is one note, whatever it holds.
    """
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        left = {name for name in folders if is_left_behind(name, folder=True)}
        for name in sorted(left):
            yield _hidden(root, here / name)
        folders[:] = sorted(set(folders) - left)
        for name in sorted(files):
            if here / name in known:
                continue
            hidden = is_left_behind(name, folder=False)
            yield _hidden(root, here / name) if hidden else _stray(root, here / name)


def _hidden(root: Path, path: Path) -> Defect:
    name = as_text(path.relative_to(root).as_posix())
    problem = "hidden" if path.name.startswith(".") else "left behind by a system or an archive"
    return Defect(file=name, severity="note", problem=problem, remedy="ignored", kind="hidden")


def _stray(root: Path, path: Path) -> Defect:
    name = as_text(path.relative_to(root).as_posix())
    return Defect(
        file=name,
        severity="note",
        problem="belongs to no image of the dataset",
        remedy="ignored; move it elsewhere if it should not be here",
        kind="stray",
    )
