"""Class folders: which files under a root are images and masks, and of which class and part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness import HarnessError
from harness_folder.found import SUFFIXES, Found, Row, check, natural, part_of
from harness_folder.groups import GROUPS_FILE, with_groups

_EXPECTED = (
    "expected <class>/*.png, or <class>/images/*.png with <class>/masks/*.png, "
    "either of them also inside train, val and test"
)


def read_folder(root: Path) -> Found:
    """Index the dataset at ``root``; opens no image.

    Raises:
        HarnessError: the folders are no such dataset, or a file lies where it cannot be meant;
            see also :func:`with_groups`.
    """
    tops = list(_folders(root))
    if not tops:
        raise HarnessError(f"{root}: holds no folder; {_EXPECTED}")
    if {top.name.lower() for top in tops} <= {"images", "masks"}:
        raise HarnessError(
            f"{root}: holds images and masks but no class folders; {_EXPECTED}; "
            "or list the images with --dataset csv"
        )
    rows: list[Row] = []
    notes: list[str] = []
    for part, folder in _parts(root, tops):
        for class_folder in _folders(folder):
            found = sorted(_class_rows(root, class_folder, part), key=lambda row: natural(row.id))
            rows += found
            if not found:
                notes.append(f"{class_folder.relative_to(root).as_posix()} has no images")
    classes = tuple(sorted({row.label for row in rows}, key=natural))
    if len(tops) == 1 and len(classes) < 2:
        raise HarnessError(
            f"{root}: holds the one folder {tops[0].name!r}; name that folder if it is the "
            f"dataset's; {_EXPECTED}"
        )
    masks = sum(row.mask is not None for row in rows)
    if 0 < masks < len(rows):
        notes.append(f"{masks} of {len(rows)} images have a reference mask")
    found_all = check(Found(root, tuple(rows), classes, notes=tuple(notes)))
    table = root / GROUPS_FILE
    return with_groups(found_all, table) if table.is_file() else found_all


def _parts(root: Path, tops: list[Path]) -> list[tuple[str, Path]]:
    """Part of the split and folder of classes; one without a part where there is no split."""
    parts = {top: part_of(top.name) for top in tops}
    if "train" not in parts.values():
        if None not in parts.values():
            names = ", ".join(top.name for top in tops)
            raise HarnessError(f"{root}: holds {names} but no folder train; {_EXPECTED}")
        return [("", root)]
    found: dict[str, Path] = {}
    for top, part in parts.items():
        if part is None:
            raise HarnessError(
                f"{top}: lies beside the folder train and is no part of a split; "
                "use train, val, test or test-<name>, or move it away"
            )
        if part in found:
            raise HarnessError(f"{top}: {found[part].name!r} is part {part} too; keep one")
        found[part] = top
    order = ("train", "val", "test")
    return sorted(found.items(), key=lambda item: (*(item[0] != name for name in order), item[0]))


def _class_rows(root: Path, folder: Path, part: str) -> Iterator[Row]:
    inner = {path.name.lower(): path for path in _folders(folder)}
    images = _images(folder)
    if "images" in inner:
        if images:
            raise HarnessError(
                f"{next(iter(images.values()))}: lies beside the folder 'images'; move it there"
            )
        images = _images(inner["images"])
    if not images and inner.keys() - {"images", "masks"}:
        names = ", ".join(path.name for path in inner.values())
        raise HarnessError(f"{folder}: holds no image but the folders {names}; {_EXPECTED}")
    masks = _images(inner["masks"]) if "masks" in inner else {}
    prefix = folder.relative_to(root).as_posix()
    for stem, path in images.items():
        yield Row(f"{prefix}/{stem}", folder.name, path, masks.get(stem), part=part)


def _images(folder: Path) -> Mapping[str, Path]:
    """Stem -> file, of the images in the folder."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            if path.stem in found:
                raise HarnessError(f"{path}: lies beside {found[path.stem].name}; keep one of them")
            found[path.stem] = path
    return found


def _folders(folder: Path) -> Iterator[Path]:
    """Folders that mean something: neither hidden nor left by an archive (``__MACOSX``)."""
    for path in sorted(folder.iterdir(), key=lambda path: natural(path.name)):
        if path.is_dir() and not path.name.startswith((".", "__")):
            yield path
