"""What a folder holds: images, meaningful folders, and what systems leave behind."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.images.dicom import DICOM_SUFFIXES, is_dicom
from harness.data.spelling import name_order, plain_spelling
from harness.errors import HarnessError
from harness.storage.names import on_one_line
from harness.storage.regular_files import special_kind

RASTER_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""In lower case: files that are taken for images by their names, DICOM left aside."""
IMAGE_SUFFIXES = (*RASTER_SUFFIXES, *DICOM_SUFFIXES)
"""The same with those of DICOM."""

_FILES_LEFT_BEHIND = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r")
_FOLDERS_LEFT_BEHIND = ("@eadir", "$recycle.bin", "system volume information", "lost+found")
# Copies and thumbnails of systems, archives and tools: no user's own.
_NOBODYS = re.compile(
    r"__(macosx|pycache__)|\.(appledouble|documentrevisions-v100|fseventsd|spotlight-v100"
    r"|temporaryitems|thumbnails|@__thumb|trashe?s?|trash-\d+|git|hg|svn|venv|ipynb_checkpoints)",
    re.IGNORECASE,
)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What one folder holds, in a fixed order, without what systems leave behind."""

    folders: tuple[Path, ...]
    images: tuple[Path, ...]
    others: tuple[Path, ...]
    """Files that are no images, and links to a folder that holds the link: following one would
    read its files again."""
    special: tuple[Path, ...] = ()
    """Named pipes, sockets and devices, whatever they are called."""
    hidden: tuple[Path, ...] = ()
    """Folders and images that are passed over for their names, ``.a``, ``__a__`` or ``.1.png``,
    and may be the user's own."""

    def refuse_broken_links(self, *names: str) -> None:
        """Raise HarnessError where a link without an image's suffix is broken: it may have
        been a folder.

        Args:
            names: in lower case; look at links with these names only. Without any, at all.
        """
        for path in self.others:
            if (not names or path.name.lower() in names) and is_broken_link(path):
                raise HarnessError(
                    f"{on_one_line(str(path))}: is a broken link (to "
                    f"{on_one_line(str(path.readlink()))}); restore its target, or delete it"
                )


def is_left_behind(name: str, *, folder: bool) -> bool:
    """Whether a file or folder of this name is hidden, or nobody's content: ``.DS_Store``,
    ``Thumbs.db``, and of folders those that begin with ``__``, as ``__MACOSX``."""
    if folder:
        return name.startswith((".", "__")) or name.lower() in _FOLDERS_LEFT_BEHIND
    return name.startswith(".") or name.lower() in _FILES_LEFT_BEHIND


def is_broken_link(path: Path) -> bool:
    """Whether the path is a link and what it leads to does not exist."""
    return path.is_symlink() and not os.path.exists(path)  # noqa: PTH110  Raises nothing.


def is_image_file(path: Path) -> bool:
    """Whether the file is one that :func:`harness.read_grey` takes: by its suffix, or as DICOM."""
    return path.suffix.lower() in RASTER_SUFFIXES or is_dicom(path)


def folder_contents(folder: Path) -> FolderContents:
    """What lies in the folder itself; nothing where there is no such folder.

    Raises:
        HarnessError: the folder cannot be read.
    """
    try:
        return _contents(folder) if folder.is_dir() else FolderContents((), (), ())
    except OSError as error:
        raise HarnessError(
            f"{on_one_line(str(error.filename or folder))}: cannot be read ({error.strerror}); "
            "make it readable, or move it elsewhere"
        ) from error


def _contents(folder: Path) -> FolderContents:
    folders: list[Path] = []
    images: list[Path] = []
    others: list[Path] = []
    special: list[Path] = []
    hidden: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: name_order(path.name)):
        is_folder = path.is_dir()
        if is_left_behind(path.name, folder=is_folder):
            if _may_be_meant(path, folder=is_folder):
                hidden.append(path)
        elif is_folder:
            (others if _leads_upwards(path) else folders).append(path)
        elif special_kind(path):
            special.append(path)
        else:
            (images if is_image_file(path) else others).append(path)
    return FolderContents(
        tuple(folders), tuple(images), tuple(others), tuple(special), tuple(hidden)
    )


def _may_be_meant(path: Path, *, folder: bool) -> bool:
    """Whether what is passed over for its name may be a user's own."""
    name = path.name
    if folder:
        nobodys = name.lower() in _FOLDERS_LEFT_BEHIND or _NOBODYS.fullmatch(name)
        return not nobodys and not _leads_upwards(path)
    # macOS keeps what it knows of a file 1.png in ._1.png.
    return not name.startswith("._") and path.suffix.lower() in IMAGE_SUFFIXES


def _leads_upwards(path: Path) -> bool:
    """Whether a folder is a link to one that holds it."""
    if not path.is_symlink():
        return False
    target, parent = path.resolve(), path.parent.resolve()
    return parent.is_relative_to(target) or any(
        target == above.resolve() for above in path.absolute().parents
    )


def undoubled_folder(folder: Path) -> Path:
    """The folder, or the one of the same name that is all it holds, as an archive that was unpacked
    into a folder of its own name leaves it."""
    inside = folder_contents(folder)
    while len(inside.folders) == 1 and not inside.images:
        (only,) = inside.folders
        if plain_spelling(only.name) != plain_spelling(folder.name):
            break
        folder, inside = only, folder_contents(only)
    return folder


def count_files(folder: Path) -> int:
    """Files in the folder and below; neither hidden ones nor what systems leave behind."""
    inside = folder_contents(folder)
    below = sum(count_files(inner) for inner in inside.folders)
    return below + len(inside.images) + len(inside.others)


def count_images(path: Path) -> int:
    """Images in the folder and below, hidden ones included; 1 for an image."""
    if not path.is_dir():
        return 1
    inside = folder_contents(path)
    return len(inside.images) + sum(map(count_images, (*inside.folders, *inside.hidden)))


class LeftOut:
    """What is left out of a dataset, counted by class, with one note per kind."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._examples: dict[str, str] = {}

    def add(self, kind: str, where: str, names: Collection[str], count: int | None = None) -> None:
        """``names`` of a kind, in class ``where``; ``count`` where they stand for more files."""
        if names:
            found = len(names) if count is None else count
            self._counts.setdefault(kind, Counter())[where] += found
            self._examples.setdefault(kind, next(iter(names)))

    def notes(self, taken: Mapping[str, str]) -> tuple[str, ...]:
        """A note per kind; ``taken`` maps each to what would be taken."""
        return tuple(
            f"left out, {kind}: {sum(counts.values())} ({_by_class(counts)}), e.g. "
            f"{self._examples[kind]}; {taken[kind]}"
            for kind, counts in self._counts.items()
            if counts.total()
        )


def _by_class(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:_SHOWN]]
    rest: Sequence[int] = list(counts.values())[_SHOWN:]
    return ", ".join([*shown, *([f"{len(rest)} others {sum(rest)}"] if rest else [])])
