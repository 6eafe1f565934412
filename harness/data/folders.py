"""What lies in a folder: images, folders that mean something, and what systems leave behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.dicom import DICOM_SUFFIXES, is_dicom
from harness.data.regular import special_kind
from harness.data.spelling import name_order, plain_spelling

RASTER_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
IMAGE_SUFFIXES = (*RASTER_SUFFIXES, *DICOM_SUFFIXES)
"""In lower case: files that are taken for images by their names."""

_FILES_LEFT_BEHIND = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r")
_FOLDERS_LEFT_BEHIND = ("@eadir", "$recycle.bin", "system volume information", "lost+found")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What lies in one folder, in a fixed order; hidden files and what systems leave behind are
    not in it."""

    folders: tuple[Path, ...]
    images: tuple[Path, ...]
    others: tuple[Path, ...]
    """Files that are no images."""
    special: tuple[Path, ...] = ()
    """Named pipes, sockets and devices, whatever they are called."""


def is_left_behind(name: str, *, folder: bool) -> bool:
    """Whether a file or folder of this name is hidden, or nobody's content: ``.DS_Store``,
    ``Thumbs.db``, and of folders those that begin with ``__``, as ``__MACOSX``."""
    if folder:
        return name.startswith((".", "__")) or name.lower() in _FOLDERS_LEFT_BEHIND
    return name.startswith(".") or name.lower() in _FILES_LEFT_BEHIND


def is_image_file(path: Path) -> bool:
    """Whether the file is one that :func:`harness.read_grey` takes: by its suffix, or as DICOM."""
    return path.suffix.lower() in RASTER_SUFFIXES or is_dicom(path)


def folder_contents(folder: Path) -> FolderContents:
    """What lies in the folder itself; nothing where there is no such folder."""
    if not folder.is_dir():
        return FolderContents((), (), ())
    folders: list[Path] = []
    images: list[Path] = []
    others: list[Path] = []
    special: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: name_order(path.name)):
        is_folder = path.is_dir()
        if is_left_behind(path.name, folder=is_folder):
            continue
        if is_folder:
            folders.append(path)
        elif special_kind(path):
            special.append(path)
        else:
            (images if is_image_file(path) else others).append(path)
    return FolderContents(tuple(folders), tuple(images), tuple(others), tuple(special))


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


class LeftOut:
    """What is left out of a dataset, counted by class, and said in one note per kind."""

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
        """A note per kind; ``taken`` says of each what would be taken."""
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
