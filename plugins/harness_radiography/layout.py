"""Where the images and masks lie: class folders, each with ``images`` and ``masks``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import HarnessError

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
FOLDER = "COVID-19_Radiography_Dataset"

_ACCEPTED = (
    f"{', '.join(CLASSES)}; upper and lower case, spaces, underscores and hyphens do not matter"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One image."""

    class_name: str
    image: Path
    mask: Path | None

    @property
    def id(self) -> str:
        """``"COVID/COVID-1"``, whatever this copy calls the class's folder."""
        return f"{self.class_name}/{self.image.stem}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What lies under a dataset's folder."""

    root: Path
    entries: tuple[Entry, ...]
    """By class, then by the numbers in the file names."""
    notes: tuple[str, ...]


def class_of(folder: str) -> str | None:
    """The class that a folder or metadata file of this name belongs to, if any."""
    return {_plain(name): name for name in CLASSES}.get(_plain(folder))


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]", "", name.lower())


def read_layout(given: Path) -> Layout:
    """Index the dataset at ``given``, its folder or the folder that holds it.

    Raises:
        HarnessError: there is no such dataset, a folder is no class, or fewer than two classes
            have images.
    """
    root = _find_root(given)
    folders = _class_folders(root)
    entries: list[Entry] = []
    notes: list[str] = []
    for name in CLASSES:
        found, found_notes = _class_entries(name, folders[name]) if name in folders else ([], [])
        entries += found
        notes += found_notes
        if not found:
            notes.append(f"{name} has no images here: the class is absent")
    if len({entry.class_name for entry in entries}) < 2:
        raise HarnessError(
            f"{root}: images of at least two classes are needed, found {len(entries)} images; "
            "expected <class>/images/*.png"
        )
    masks = sum(entry.mask is not None for entry in entries)
    if masks < len(entries):
        notes.append(f"{masks} of {len(entries)} images have a reference mask")
    return Layout(root, tuple(entries), tuple(notes))


def _find_root(given: Path) -> Path:
    if not given.is_dir():
        seen = "is a file: unpack it and name the folder" if given.exists() else "does not exist"
        raise HarnessError(f"data root {given} {seen}; expected the folder {FOLDER}")
    for root in (given, given / FOLDER):
        if root.is_dir() and any(class_of(folder.name) for folder in _visible_folders(root)):
            return root
    found = ", ".join(repr(folder.name) for folder in _visible_folders(given)) or "no folder"
    raise HarnessError(
        f"data root {given} holds no class folder, found {found}; "
        f"expected {FOLDER} itself or the folder that holds it, with {_ACCEPTED}"
    )


def _class_folders(root: Path) -> Mapping[str, Path]:
    folders: dict[str, Path] = {}
    for folder in _visible_folders(root):
        name = class_of(folder.name)
        if name is None:
            raise HarnessError(
                f"{folder}: {folder.name!r} is no class of this dataset; move it away or rename it "
                f"to one of {_ACCEPTED}"
            )
        if name in folders:
            raise HarnessError(f"{folder}: {folders[name].name!r} is class {name} too; keep one")
        folders[name] = folder
    return folders


def _class_entries(name: str, folder: Path) -> tuple[list[Entry], list[str]]:
    images_folder = folder / "images"
    if not images_folder.is_dir():
        raise HarnessError(f"{folder}: has no folder 'images'; expected {name}/images/*.png")
    images, others = _pngs(images_folder)
    masks, _ = _pngs(folder / "masks")
    entries = [Entry(name, path, masks.get(stem)) for stem, path in images.items()]
    notes = []
    if others:
        notes.append(f"{name}/images: {others} files are no PNG and are left out")
    if strays := len(masks.keys() - images.keys()):
        notes.append(f"{name}/masks: {strays} masks have no image and are left out")
    return sorted(entries, key=lambda entry: _natural(entry.image.stem)), notes


def _pngs(folder: Path) -> tuple[dict[str, Path], int]:
    """Stem -> file, of the PNGs in the folder, and how many other files there are."""
    if not folder.is_dir():
        return {}, 0
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    found: dict[str, Path] = {}
    for path in files:
        if path.suffix.lower() == ".png":
            if path.stem in found:
                raise HarnessError(f"{path}: lies beside {found[path.stem].name}; keep one of them")
            found[path.stem] = path
    return found, len(files) - len(found)


def _natural(stem: str) -> tuple[tuple[str, int], ...]:
    """Sorts ``COVID-2`` before ``COVID-10``."""
    return tuple(
        (text, int(number or -1))
        for text, number in re.findall(r"(\D*)(\d*)", stem)
        if text or number
    )


def _visible_folders(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            yield path
