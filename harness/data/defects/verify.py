"""Every defect of a dataset: its files are inspected one by one, then compared."""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.data.dataset import Dataset, Samples
from harness.data.defects.file_check import (
    Look,
    look_at_image,
    look_at_mask,
    mask_marks,
    pixel_digest,
)
from harness.data.images.decoders import MissingDecoderError
from harness.data.sources.defect import Defect, SampleFiles
from harness.errors import HarnessError
from harness.storage.names import is_utf8

Progress = Callable[[int, int], None]

_BLOCK = 64
"""Images between two reports of progress."""
# Characters that some file system or archive cannot keep.
_UNPORTABLE = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_Looks = Sequence[tuple[Look, Look | None]]


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading every file of a dataset has shown."""

    defects: tuple[Defect, ...]
    """In the order of the samples; then the defects that the dataset itself reports."""
    same_pixels: tuple[tuple[str, ...], ...] = ()
    """Ids of images that have equal pixels, two or more at a time, in the order of the samples."""
    empty_masks: tuple[str, ...] = ()
    """Ids of images whose mask marks no pixel."""
    full_masks: tuple[str, ...] = ()
    """Ids of images whose mask marks every pixel."""


def verify(dataset: Dataset, progress: Progress | None = None) -> tuple[Defect, ...]:
    """The defects that :func:`inspect` finds; same arguments, same errors."""
    return inspect(dataset, progress).defects


def inspect(dataset: Dataset, progress: Progress | None = None) -> Verified:
    """Read every file of the dataset.

    Args:
        progress: called with the number of images done and of all images.

    Raises:
        HarnessError: the dataset's own ``defects`` cannot be computed.
    """
    report: Progress = progress or (lambda done, total: None)
    files: SampleFiles | None = getattr(dataset, "files", None)
    samples = dataset.samples
    with warnings.catch_warnings():
        # The limit is ours, and defects report whatever else a decoder warns about.
        warnings.simplefilter("ignore")
        looks = _look_at_all(dataset, files, report)
    names = sample_names(samples, files)
    found = [defect for image, mask in looks for defect in _of_sample(image, mask)]
    found += _same_pixels(samples, names[0], looks)
    if samples.has_mask.any():
        found += _missing_masks(samples, names[0])
    if files is not None:
        found += _off_grid(samples, names[1], looks)
        found += _unusual_names(files)
    own = getattr(dataset, "defects", None)
    return Verified(
        (*found, *(own(report) if own is not None else ())),
        tuple(tuple(samples.ids[i] for i in members) for members in _alike(looks)),
        _marking(samples, looks, "nothing"),
        _marking(samples, looks, "everything"),
    )


def _marking(samples: Samples, looks: _Looks, what: str) -> tuple[str, ...]:
    return tuple(
        name
        for name, (_, mask) in zip(samples.ids, looks, strict=True)
        if mask is not None and mask.marks == what
    )


def sample_names(
    samples: Samples, files: SampleFiles | None
) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """What defects call every sample's image and mask: its file, or its id where there is none."""
    if files is None:
        masks = (
            f"{i} (mask)" if has else None
            for i, has in zip(samples.ids, samples.has_mask, strict=True)
        )
        return samples.ids, tuple(masks)
    return (
        tuple(files.name(path) for path in files.images),
        tuple(None if path is None else files.name(path) for path in files.masks),
    )


def _look_at_all(dataset: Dataset, files: SampleFiles | None, report: Progress) -> _Looks:
    count = len(dataset.samples)
    names = sample_names(dataset.samples, files)

    def look(index: int) -> tuple[Look, Look | None]:
        image_name, mask_name = names[0][index], names[1][index]
        if files is None:
            return _look_through(dataset, index, image_name, mask_name)
        image = look_at_image(files.images[index], image_name)
        path = files.masks[index]
        if path is None or mask_name is None:
            return image, None
        return image, look_at_mask(path, mask_name, image)

    looks: list[tuple[Look, Look | None]] = []
    report(0, count)
    # Decoders release the interpreter's lock: threads do.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, count, _BLOCK):
            looks += pool.map(look, range(start, min(start + _BLOCK, count)))
            report(len(looks), count)
    return looks


def _look_through(
    dataset: Dataset, index: int, image_name: str, mask_name: str | None
) -> tuple[Look, Look | None]:
    """The results for a sample whose files only the dataset knows."""

    def failed(name: str, error: HarnessError) -> Look:
        missing = isinstance(error, MissingDecoderError)
        defect = Defect(
            file=name,
            severity="error",
            problem=str(error),
            remedy="install it" if missing else "repair the file, or remove it",
            kind="decoder" if missing else "unreadable",
        )
        return Look((defect,))

    try:
        grey = dataset.image(index)
        image = Look((), (grey.shape[1], grey.shape[0]), pixel_digest(grey))
    except HarnessError as error:
        image = failed(image_name, error)
    if mask_name is None:
        return image, None
    try:
        mask = dataset.mask(index)
    except HarnessError as error:
        return image, failed(mask_name, error)
    return image, Look((), marks=mask_marks(mask))


def _of_sample(image: Look, mask: Look | None) -> Iterator[Defect]:
    yield from image.defects
    if mask is not None:
        yield from mask.defects


def _same_pixels(samples: Samples, names: Sequence[str], looks: _Looks) -> Iterator[Defect]:
    """An error for an image that is in two classes; a note for one that is twice in its class
    under two patients."""
    for members in _alike(looks):
        for index in members:
            others = [i for i in members if samples.labels[i] != samples.labels[index]]
            if others:
                other = samples.classes[samples.labels[others[0]]]
                yield Defect(
                    file=names[index],
                    severity="error",
                    problem=f"has the same pixels as {names[others[0]]}, of class {other!r}",
                    remedy="find out which class is right, and remove the other copy",
                    kind="two-classes",
                )
            elif index != members[0] and not _one_group(samples, members[0], index):
                yield Defect(
                    file=names[index],
                    severity="note",
                    problem=f"has the same pixels as {names[members[0]]}",
                    remedy="give both the same patient, or remove one: a split may separate them",
                    kind="duplicate",
                )


def _alike(looks: _Looks) -> list[list[int]]:
    """Samples of equal pixels, where there are several."""
    alike: dict[bytes, list[int]] = defaultdict(list)
    for index, (image, _) in enumerate(looks):
        if image.digest is not None:
            alike[image.digest].append(index)
    return [members for members in alike.values() if len(members) > 1]


def _one_group(samples: Samples, first: int, second: int) -> bool:
    return samples.groups is not None and samples.groups[first] == samples.groups[second]


def _missing_masks(samples: Samples, names: Sequence[str]) -> Iterator[Defect]:
    for name, has in zip(names, samples.has_mask, strict=True):
        if not has:
            yield Defect(
                file=name,
                severity="note",
                problem="has no mask",
                remedy="segmentation leaves it out",
                kind="no-mask",
            )


def _off_grid(samples: Samples, names: Sequence[str | None], looks: _Looks) -> Iterator[Defect]:
    """A note for every mask of another size, where nearly all masks have one size."""
    sizes = Counter(mask.size for _, mask in looks if mask is not None and mask.size)
    if not sizes:
        return
    (common, count), total = sizes.most_common(1)[0], sum(sizes.values())
    if count < 0.9 * total:
        return
    for name, (_, mask) in zip(names, looks, strict=True):
        if name and mask is not None and mask.size not in (None, common):
            width, height = mask.size or (0, 0)
            yield Defect(
                file=name,
                severity="note",
                problem=f"is {width} x {height}, most masks are {common[0]} x {common[1]}",
                remedy=f"brought to {samples.mask_size} x {samples.mask_size}, nearest pixel",
                kind="mask-size",
            )


def _unusual_names(files: SampleFiles) -> Iterator[Defect]:
    paths = [path for path in (*files.images, *files.masks) if path is not None]
    plain = Counter(str(path).casefold() for path in paths)
    for path in paths:
        if not is_utf8(str(path.relative_to(files.root))):
            yield Defect(
                file=files.name(path),
                severity="error",
                problem="has a name that is not UTF-8, which no table can hold",
                remedy="rename it, e.g. with convmv -f latin1 -t utf8",
                kind="name",
            )
            continue
        problem = _name_problem(path)
        if plain[str(path).casefold()] > 1:
            problem = "differs from another name only in upper and lower case"
        if problem:
            yield Defect(
                file=files.name(path),
                severity="note",
                problem=problem,
                remedy="used as it is; rename it before you move the dataset",
                kind="name",
            )


def _name_problem(path: Path) -> str:
    name = path.name
    if _UNPORTABLE.search(name):
        return "has characters in its name that other systems reject"
    if path.stem != path.stem.strip():
        return "has a blank at an end of its name"
    if unicodedata.normalize("NFC", name) != name:
        return "has a name in decomposed Unicode"
    return ""
