"""Image files that belong to no dataset: what a finished model is applied to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from harness.data.dicom import DICOM_SUFFIXES
from harness.data.files import image_size
from harness.errors import HarnessError


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """A file, and where what is predicted for it goes."""

    path: Path
    stem: str
    """Unique relative path without a suffix, with slashes: below a folder that was named, or the
    file's name."""
    width: int
    height: int
    """Pixels."""


def new_images(paths: Iterable[Path]) -> list[NewImage]:
    """The image files, and those in the folders and below, each once.

    Hidden files are left out of folders, and so is what has no image's suffix.

    Raises:
        HarnessError: a path is missing, a folder holds no image, or a file's header is no image's.
    """
    found: dict[Path, str] = {}
    for path in paths:
        for file, stem in _files(path):
            found.setdefault(file, stem)
    taken: set[str] = set()
    images = []
    for file, stem in found.items():
        width, height = image_size(file)
        images.append(NewImage(path=file, stem=_unique(stem, taken), width=width, height=height))
    return images


def _files(path: Path) -> Sequence[tuple[Path, str]]:
    if path.is_file():
        return [(path, path.stem)]
    if not path.is_dir():
        raise HarnessError(f"{path}: there is no such file or folder")
    Image.init()
    readable = {suffix for suffix, kind in Image.EXTENSION.items() if kind in Image.OPEN}
    suffixes = readable | {*DICOM_SUFFIXES}
    below = [(file, file.relative_to(path)) for file in sorted(path.rglob("*"))]
    files = [
        (file, PurePosixPath(name).with_suffix("").as_posix())
        for file, name in below
        if file.suffix.lower() in suffixes
        and file.is_file()
        and not any(part.startswith(".") for part in name.parts)
    ]
    if not files:
        raise HarnessError(f"{path}: this folder holds no image (PNG, JPEG, … or .dcm)")
    return files


def _unique(stem: str, taken: set[str]) -> str:
    number, name = 1, stem
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
