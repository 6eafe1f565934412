"""Where the images and masks lie: class folders, each with ``images`` and ``masks``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import (
    FolderContents,
    HarnessError,
    LeftOut,
    count_files,
    count_images,
    folder_contents,
    name_order,
    undoubled_folder,
)

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
FOLDER = "COVID-19_Radiography_Dataset"

_ACCEPTED = (
    f"{', '.join(CLASSES)}; upper and lower case, spaces, underscores and hyphens do not matter"
)
_DEEPEST = 4
"""Folders within each other that an archive may have left around the dataset."""
_HIDDEN = "images in folders that are hidden or begin with __, and hidden images"
_OTHERS = "files that are not PNG"
_BELOW = "files in other folders"
_MASKS = "masks without an image"
_SPECIAL = "named pipes, sockets and devices"
_TAKEN = {
    _HIDDEN: "rename what belongs to the dataset",
    _OTHERS: "taken are images/*.png and masks/*.png",
    _BELOW: "taken are images/*.png and masks/*.png",
    _MASKS: "taken are masks with the name of their image",
    _SPECIAL: "taken are regular files",
}


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
        HarnessError: there is no such dataset, a folder is not a class, or fewer than two classes
            have images.
    """
    root = _find_root(given)
    folders = _class_folders(root)
    entries: list[Entry] = []
    notes: list[str] = []
    left_out = LeftOut()
    _hidden("no class", folder_contents(root), left_out)
    for name in CLASSES:
        found = _class_entries(name, folders[name], left_out) if name in folders else []
        entries += found
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
    notes += left_out.notes(_TAKEN)
    if root not in (given, given / FOLDER):
        notes.append(f"the dataset is in {root.relative_to(given).as_posix()}")
    return Layout(root, tuple(entries), tuple(notes))


def _find_root(given: Path) -> Path:
    if not given.is_dir():
        seen = "is a file: unpack it and name the folder" if given.exists() else "does not exist"
        raise HarnessError(f"data root {given} {seen}; expected the folder {FOLDER}")
    root = given
    for _ in range(_DEEPEST):
        inner = folder_contents(root).folders
        if any(class_of(folder.name) for folder in inner):
            return root
        # An archive that was unpacked twice leaves a folder around the dataset's.
        named = [folder for folder in inner if folder.name == FOLDER]
        if not named and len(inner) != 1:
            break
        root = (named or inner)[0]
    found = ", ".join(repr(f.name) for f in folder_contents(given).folders) or "no folder"
    raise HarnessError(
        f"data root {given} holds no class folder, found {found}; "
        f"expected {FOLDER} itself or the folder that holds it, with {_ACCEPTED}"
    )


def _class_folders(root: Path) -> Mapping[str, Path]:
    folders: dict[str, Path] = {}
    inside = folder_contents(root)
    inside.refuse_broken_links()
    for folder in inside.folders:
        name = class_of(folder.name)
        if name is None:
            raise HarnessError(
                f"{folder}: {folder.name!r} is not a class of this dataset; move it elsewhere or "
                f"rename it to one of {_ACCEPTED}"
            )
        if name in folders:
            raise HarnessError(f"{folder}: {folders[name].name!r} is class {name} too; keep one")
        folders[name] = folder
    return folders


def _class_entries(name: str, given: Path, left_out: LeftOut) -> list[Entry]:
    folder = undoubled_folder(given)
    inside = folder_contents(folder)
    inside.refuse_broken_links("images", "masks")
    if not (folder / "images").is_dir():
        raise HarnessError(f"{given}: has no folder 'images'; expected {name}/images/*.png")
    _hidden(name, inside, left_out)
    loose = [path.name for path in (*inside.images, *inside.others)]
    left_out.add(_BELOW, name, loose)
    for other in inside.folders:
        if other.name not in ("images", "masks"):
            left_out.add(_BELOW, name, [f"{other.name}/"], count_files(other))
    images = _pngs(folder / "images", f"{name}/images", left_out)
    masks = _pngs(folder / "masks", f"{name}/masks", left_out)
    strays = [path.name for stem, path in masks.items() if stem not in images]
    left_out.add(_MASKS, name, strays)
    entries = [Entry(name, path, masks.get(stem)) for stem, path in images.items()]
    return sorted(entries, key=lambda entry: name_order(entry.image.stem))


def _hidden(where: str, inside: FolderContents, left_out: LeftOut) -> None:
    for path in inside.hidden:
        left_out.add(_HIDDEN, where, [path.name], count_images(path))


def _pngs(given: Path, where: str, left_out: LeftOut) -> dict[str, Path]:
    """Stem -> file, of the PNGs in the folder."""
    inside = folder_contents(undoubled_folder(given))
    _hidden(where, inside, left_out)
    found: dict[str, Path] = {}
    others = []
    for path in (*inside.images, *inside.others):
        if path.suffix.lower() != ".png":
            others.append(path.name)
            continue
        if path.stem in found:
            raise HarnessError(f"{path}: lies beside {found[path.stem].name}; keep one of them")
        found[path.stem] = path
    left_out.add(_OTHERS, where, others)
    left_out.add(_SPECIAL, where, [path.name for path in inside.special])
    for folder in inside.folders:
        left_out.add(_BELOW, where, [f"{folder.name}/"], count_files(folder))
    return found
