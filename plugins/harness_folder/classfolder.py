"""One class folder: its images, each with its mask, and what is left out of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from harness import (
    IMAGE_SUFFIXES,
    FolderContents,
    HarnessError,
    LeftOut,
    count_files,
    count_images,
    folder_contents,
    image_format,
    named_like_masks,
    undoubled_folder,
)
from harness_folder.found import Row

_FORMATS = ", ".join(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)
_HIDDEN = "images in folders that are hidden or begin with __, and hidden images"
_LOOPS = "links to a folder that holds them"
_OTHERS = "files of other formats"
_UNNAMED = "files that are images by their bytes and not by their names"
_BELOW = "files in subfolders"
_MASKS = "masks whose names match no image"
_LOOSE = "images in no class folder"
_SPECIAL = "named pipes, sockets and devices"
_LOOSE_FILES = "files in no class folder"
_TAKEN = {
    _HIDDEN: "rename what belongs to the dataset",
    _LOOPS: "what they lead to is read once",
    _OTHERS: f"taken are images ({_FORMATS})",
    _LOOSE_FILES: "a class is a folder with images",
    _UNNAMED: "end their names in the suffix of the format, as .png",
    _BELOW: "taken are images that lie in the class folder itself, or in its folder images",
    _MASKS: "taken are masks with the name of their image",
    _LOOSE: "taken are images in a class folder",
    _SPECIAL: "taken are regular files",
}


class ClassFolders:
    """Reads class folders one after another, and keeps count of what they hold besides."""

    def __init__(self) -> None:
        self._left_out = LeftOut()
        self._like_masks: Counter[str] = Counter()
        self._example = ""

    def strays(self, where: str, inside: FolderContents, known: Collection[str] = ()) -> None:
        """What lies beside class folders, in folder ``where``, and is none.

        Args:
            known: names of files that are read.

        Raises:
            HarnessError: a link among them leads nowhere: it may stand for a class.
        """
        inside.refuse_broken_links()
        self._left_out.add(_LOOSE, where, [path.name for path in inside.images])
        self.hidden(where, inside)
        self._others(
            where, [path for path in inside.others if path.name not in known], _LOOSE_FILES
        )

    def hidden(self, where: str, inside: FolderContents) -> None:
        """Count the images that are passed over for the name of their file or folder."""
        for path in inside.hidden:
            if count := count_images(path):
                name = f"{path.name}/" if path.is_dir() else path.name
                self._left_out.add(_HIDDEN, where, [name], count)

    def notes(self) -> tuple[str, ...]:
        """What a run says of all class folders so far."""
        notes = self._left_out.notes(_TAKEN)
        if not self._like_masks:
            return notes
        counts = ", ".join(f"{place} {count}" for place, count in self._like_masks.items())
        named = (
            f"{self._like_masks.total()} images are named like masks of others ({counts}), as "
            f"{self._example}, and are taken as images; move masks into a folder masks, each with "
            "the name of its image"
        )
        return (*notes, named)

    def rows(self, folder: Path, place: str, part: str) -> list[Row]:
        """The images of one class.

        Args:
            folder: the class folder; its name is the class.
            place: what ids begin with.
            part: of the split, empty where there is none.

        Raises:
            HarnessError: a file or folder is misplaced.
        """
        inner = undoubled_folder(folder)
        inside = folder_contents(inner)
        inside.refuse_broken_links("images", "masks")
        self.hidden(place, inside)
        named = _images_and_masks(inner, inside.folders)
        images = inside.images
        if "images" in named:
            if images:
                raise HarnessError(f"{images[0]}: lies beside the folder 'images'; move it there")
            below = folder_contents(undoubled_folder(named["images"]))
            images = below.images
            self.hidden(f"{place}/images", below)
            self._count(f"{place}/images", below.folders, below.others)
            self._special(f"{place}/images", below)
        others = [path for path in inside.folders if path not in named.values()]
        if not images and others:
            names = ", ".join(path.name for path in inside.folders)
            raise HarnessError(
                f"{folder}: holds no images but the folders {names}; expected {place}/*.png, or "
                f"{place}/images/*.png with {place}/masks/*.png"
            )
        self._count(place, others, inside.others)
        self._special(place, inside)
        masks: dict[Path, Path] = {}
        if "masks" in named:
            found = folder_contents(undoubled_folder(named["masks"]))
            self._count(f"{place}/masks", found.folders, found.others)
            self._special(f"{place}/masks", found)
            masks, strays = _paired(images, found.images)
            self._left_out.add(_MASKS, place, [path.name for path in strays])
        self._note_masks_among(images, place)
        ids = zip(_names(images), images, strict=True)
        return [
            Row(f"{place}/{name}", folder.name, path, masks.get(path), part=part)
            for name, path in ids
        ]

    def _special(self, place: str, inside: FolderContents) -> None:
        self._left_out.add(_SPECIAL, place, [path.name for path in inside.special])

    def _count(self, place: str, folders: Sequence[Path], others: Sequence[Path]) -> None:
        self._others(place, others, _OTHERS)
        counts = {path.name: count_files(path) for path in folders}
        filled = {name: count for name, count in counts.items() if count}
        self._left_out.add(_BELOW, place, [f"{name}/" for name in filled], sum(filled.values()))

    def _others(self, place: str, others: Sequence[Path], kind: str) -> None:
        for path in others:
            if path.is_dir():
                found, name = _LOOPS, f"{path.name}/"
            elif known := image_format(path):
                found, name = _UNNAMED, f"{path.name} ({known})"
            else:
                found, name = kind, path.name
            self._left_out.add(found, place, [name])

    def _note_masks_among(self, images: Sequence[Path], place: str) -> None:
        like = set(named_like_masks([path.stem for path in images]))
        for path in images:
            if path.stem in like:
                self._like_masks[place] += 1
                self._example = self._example or f"{place}/{path.name}"


def _images_and_masks(folder: Path, folders: Iterable[Path]) -> dict[str, Path]:
    """The folders ``images`` and ``masks``, in any case."""
    found: dict[str, Path] = {}
    for path in folders:
        name = path.name.lower()
        if name in found:
            raise HarnessError(f"{path}: lies beside {found[name].name!r}; keep one of them")
        if name in ("images", "masks"):
            found[name] = path
    return found


def _names(images: Sequence[Path]) -> list[str]:
    """What each image is called in its class: its stem, and with its suffix where others have the
    stem too."""
    names = [path.stem for path in images]
    while twice := {name for name, count in Counter(names).items() if count > 1}:
        names = [
            path.name if name in twice else name for name, path in zip(names, images, strict=True)
        ]
    return names


def _paired(images: Sequence[Path], masks: Sequence[Path]) -> tuple[dict[Path, Path], list[Path]]:
    """Image -> its mask, and the masks of no image. A mask has its image's name, or at least its
    stem.

    Raises:
        HarnessError: a mask could be of several images, or several masks of one.
    """
    by_name = {path.name: path for path in images}
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in images:
        by_stem[path.stem].append(path)
    paired: dict[Path, Path] = {}
    strays = []
    exact = [mask for mask in masks if mask.name in by_name]
    for mask in exact:
        paired[by_name[mask.name]] = mask
    for mask in masks:
        if mask.name in by_name:
            continue
        free = [path for path in by_stem[mask.stem] if path not in paired]
        if len(free) > 1:
            names = " and ".join(path.name for path in free)
            raise HarnessError(
                f"{mask}: could be of {names}; name it as its image, suffix included"
            )
        if free:
            paired[free[0]] = mask
        elif by_stem[mask.stem]:
            other = paired[by_stem[mask.stem][0]]
            raise HarnessError(f"{mask}: lies beside {other.name}, of the same image; keep one")
        else:
            strays.append(mask)
    return paired, strays
