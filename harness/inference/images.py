"""Image files that belong to no dataset: what a finished model is applied to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from harness.data.defects.read_notes import counted as counted_kinds
from harness.data.images.dicom import DICOM_SUFFIXES, is_dicom
from harness.data.images.read import read_image
from harness.data.sources.mask_files import named_like_masks
from harness.errors import HarnessError
from harness.storage.names import is_utf8, on_one_line
from harness.values.wording import counted

_BLOCK = 64
"""Files between two reports of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """A file, and where what is predicted for it goes."""

    path: Path
    stem: str
    """Unique relative path without a suffix, with slashes: below a folder that was named, or the
    file's name."""
    width: int
    height: int
    """Pixels, as a viewer shows the file."""


@dataclass(frozen=True, slots=True)
class BadImage:
    """A path that cannot be predicted."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImages:
    """The images and bad files under the paths that a user named."""

    images: tuple[NewImage, ...]
    bad: tuple[BadImage, ...]
    notes: tuple[str, ...]
    """How many masks were left out, and how many files are not read as they are stored."""


def new_images(paths: Iterable[Path], progress: Callable[[int, int], None]) -> NewImages:
    """The image files, and those in the folders and below, each once and each read in full.

    Left out of folders are hidden files and folders, what has no image's suffix and is not DICOM,
    and the masks of a dataset: folders ``masks`` next to ``images``.
    """
    found: dict[Path, str] = {}
    bad: list[BadImage] = []
    masks = 0
    for path in paths:
        if not os.path.lexists(path):
            bad.append(BadImage(path, "no such file or folder"))
        elif path.is_dir():
            inside = _Folder(path)
            masks += inside.masks
            if not inside.files:
                bad.append(BadImage(path, "this folder holds no image (PNG, JPEG, … or DICOM)"))
            for file, stem in inside.files:
                found.setdefault(file, stem)
        else:
            found.setdefault(path, _stem(PurePosixPath(path.name), readable_suffixes()))
    images: list[NewImage] = []
    kinds: list[str] = []
    taken: set[str] = set()
    for (file, stem), look in zip(found.items(), _looks(list(found), progress), strict=True):
        if isinstance(look, str):
            bad.append(BadImage(file, look))
            continue
        (width, height), seen = look
        kinds += seen
        images.append(NewImage(path=file, stem=_unique(stem, taken), width=width, height=height))
    notes = [f"{counted(masks, 'mask')} next to these images left out"] if masks else []
    folders: dict[Path, list[str]] = {}
    for image in images:
        folders.setdefault(image.path.parent, []).append(image.path.stem)
    if like := [name for stems in folders.values() for name in named_like_masks(stems)]:
        notes.append(
            f"{counted(len(like), 'image')} named like masks of others, e.g. {on_one_line(like[0])}"
        )
    return NewImages(images=tuple(images), bad=tuple(bad), notes=(*notes, *counted_kinds(kinds)))


def readable_suffixes() -> frozenset[str]:
    """In lower case, with the dot: of whatever Pillow reads, and DICOM."""
    Image.init()
    pillow = {suffix for suffix, kind in Image.EXTENSION.items() if kind in Image.OPEN}
    return frozenset({*pillow, *DICOM_SUFFIXES})


class _Folder:
    """The images below a folder, sorted, each with its stem; and how many masks there are."""

    def __init__(self, root: Path) -> None:
        self.files: list[tuple[Path, str]] = []
        self.masks = 0
        suffixes = readable_suffixes()
        for file in sorted(root.rglob("*")):
            name = PurePosixPath(file.relative_to(root))
            if any(part.startswith((".", "__")) for part in name.parts) or file.is_dir():
                continue
            if file.suffix.lower() not in suffixes and not is_dicom(file):
                continue
            if _among_masks(root, name):
                self.masks += 1
            else:
                self.files.append((file, _stem(name, suffixes)))


def _among_masks(root: Path, name: PurePosixPath) -> bool:
    """Whether the file lies in or below a folder ``masks`` next to a folder ``images``."""
    folders = [root.joinpath(*name.parts[:depth]) for depth in range(1, len(name.parts))]
    return any(
        folder.name.lower() == "masks"
        and any(other.name.lower() == "images" for other in folder.parent.iterdir())
        for folder in folders
    )


def _stem(name: PurePosixPath, suffixes: frozenset[str]) -> str:
    """Without the suffix, where it is one: DICOM files are often called by numbers with dots."""
    named = name.suffix.lower() in suffixes
    return (name.with_suffix("") if named else name).as_posix()


_Look = tuple[tuple[int, int], tuple[str, ...]] | str


def _looks(files: list[Path], progress: Callable[[int, int], None]) -> Iterator[_Look]:
    """Per file its size and how it is not read as stored, or why it cannot be used."""
    progress(0, len(files))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), _BLOCK):
            yield from pool.map(_look, files[start : start + _BLOCK])
            progress(min(start + _BLOCK, len(files)), len(files))


def _look(file: Path) -> _Look:
    if not is_utf8(str(file)):
        return "has a name that is not UTF-8, which no table can hold; rename it"
    if not file.exists():
        return "is a broken link"
    if not file.is_file():
        return "is not a regular file"
    try:
        read = read_image(file)
    except HarnessError as error:
        return str(error).removeprefix(f"{file}: ").partition("; replace it by")[0]
    return read.size, read.kinds


def _unique(stem: str, taken: set[str]) -> str:
    number, name = 1, stem
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
