"""Which errors a dataset has, found once for its content, and the dataset that is left without."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset, Samples, subset
from harness.data.defects import Defect
from harness.data.names import on_one_line
from harness.data.read_notes import counted
from harness.data.verify import sample_names, verify
from harness.errors import HarnessError
from harness.jsonio import read_json, write_json
from harness.provenance import version
from harness.specs import to_json

VERSION = 2
"""Raise it with every change of what is an error, or of what is noted."""

_NAMED = 5
_PASSING = frozenset({"decoder", "unreadable"})
"""Kinds of errors that end when something else than the file changes."""
_READERS = ("pillow", "pydicom", "kornia-rs")


@dataclass(frozen=True, slots=True)
class Verified:
    """What verification found in a dataset's files, as far as a run minds it."""

    errors: tuple[Defect, ...]
    notes: tuple[str, ...]
    """How many files are read otherwise than they are stored, one line per kind."""


def verified(dataset: Dataset, cache: Path, progress: Callable[[int, int], None]) -> Verified:
    """What is wrong with the dataset: from ``cache`` where its content has been verified, or
    verified now.

    Raises:
        HarnessError: a file is missing, or the cache cannot be written.
    """
    path = _remembered(dataset, cache)
    if path.exists():
        try:
            stored = read_json(path)
            errors = tuple(Defect(**defect) for defect in stored["errors"])
            return Verified(errors, tuple(map(str, stored["notes"])))
        except (HarnessError, KeyError, TypeError):
            pass  # Damaged: made again.
    return remember(dataset, verify(dataset, progress), cache)


def known_errors(
    dataset: Dataset, cache: Path, progress: Callable[[int, int], None]
) -> tuple[Defect, ...]:
    """The errors of :func:`verified`."""
    return verified(dataset, cache, progress).errors


def remember(dataset: Dataset, defects: Iterable[Defect], cache: Path) -> Verified:
    """What a run minds of the defects, kept for :func:`verified`.

    Nothing is kept where a file could not be read at all, for want of a decoder or of a
    permission: that says more of this machine, today, than of the dataset.
    """
    every = tuple(defects)
    errors = tuple(defect for defect in every if defect.severity == "error")
    found = Verified(errors, counted(d.kind for d in every if d.severity == "note"))
    path = _remembered(dataset, cache)
    if any(error.kind in _PASSING for error in errors):
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = {"errors": [to_json(error) for error in errors], "notes": list(found.notes)}
        write_json(path, stored)
    except OSError as error:
        raise HarnessError(
            f"{path}: the cache cannot be written ({error.strerror}); "
            "set CXR_HARNESS_CACHE to a folder with room"
        ) from error
    return found


def with_notes(dataset: Dataset, notes: tuple[str, ...]) -> Dataset:
    """The dataset with more for a run to say of it; the same in all else."""
    return _Noted(dataset, notes) if notes else dataset


def without(dataset: Dataset, errors: Iterable[Defect]) -> Dataset:
    """The dataset without the files that have errors: an image goes altogether, of a mask only the
    mask. A note of its samples names the files.

    Raises:
        HarnessError: an error is none of an image or mask, or no image is left.
    """
    samples, errors = dataset.samples, tuple(errors)
    images, masks = sample_names(samples, getattr(dataset, "files", None))
    image_ids = dict(zip(images, samples.ids, strict=True))
    mask_ids = {mask: i for mask, i in zip(masks, samples.ids, strict=True) if mask is not None}
    files = sorted({error.file for error in errors})
    if strangers := [file for file in files if file not in image_ids and file not in mask_ids]:
        raise HarnessError(
            f"{strangers[0]}: cannot be left out, as it is neither an image nor a mask; repair it"
        )
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    note = (
        f"{len(files)} bad files are left out: {', '.join(map(on_one_line, files[:_NAMED]))}{more}"
    )
    if missing := {error.file: error.remedy for error in errors if error.kind == "decoder"}:
        remedies = ", ".join(sorted(set(missing.values())))
        note += f"; {len(missing)} of them only for want of a decoder ({remedies})"
    left_out = [image_ids[file] for file in files if file in image_ids]
    masks_left_out = [mask_ids[file] for file in files if file in mask_ids]
    return leave_out(dataset, left_out, masks_left_out, notes=(note,))


def leave_out(
    dataset: Dataset,
    images: Collection[str],
    masks: Collection[str],
    notes: tuple[str, ...] = (),
) -> Dataset:
    """The dataset without these images, and without the masks of those, each named by id.

    Raises:
        HarnessError: it has no such image, or no image is left.
    """
    whole = dataset.samples
    if unknown := sorted({*images, *masks} - set(whole.ids)):
        raise HarnessError(f"the dataset has no image {unknown[0]!r}, which a run has left out")
    gone, maskless = frozenset(images), frozenset(masks) - frozenset(images)
    kept = np.array([i for i, name in enumerate(whole.ids) if name not in gone], dtype=np.int64)
    if not len(kept):
        raise HarnessError("no image is left: every one has an error; repair the dataset")
    return _Remaining(dataset, _remaining(whole, kept, gone, maskless, notes), kept)


def _remaining(
    whole: Samples,
    kept: NDArray[np.int64],
    gone: frozenset[str],
    maskless: frozenset[str],
    notes: tuple[str, ...],
) -> Samples:
    samples = subset(whole, kept)
    named = np.array([name in maskless for name in samples.ids])
    return replace(
        samples,
        has_mask=samples.has_mask & ~named,
        left_out=tuple(sorted(gone)),
        masks_left_out=tuple(sorted(maskless)),
        notes=(*samples.notes, *notes),
    )


class _Noted:
    """A dataset of which there is more to say."""

    def __init__(self, whole: Dataset, notes: tuple[str, ...]) -> None:
        self.samples = replace(whole.samples, notes=(*whole.samples.notes, *notes))
        self._whole = whole

    @property
    def fingerprint(self) -> str:
        return self._whole.fingerprint

    def image(self, index: int) -> NDArray[np.uint8]:
        return self._whole.image(index)

    def mask(self, index: int) -> NDArray[np.bool_]:
        return self._whole.mask(index)


class _Remaining:
    """A dataset without some of its files."""

    def __init__(self, whole: Dataset, samples: Samples, kept: NDArray[np.int64]) -> None:
        self.samples = samples
        self._whole = whole
        self._kept = kept

    @property
    def fingerprint(self) -> str:
        gone = [list(self.samples.left_out), list(self.samples.masks_left_out)]
        return _digest([self._whole.fingerprint, *gone])

    def image(self, index: int) -> NDArray[np.uint8]:
        return self._whole.image(int(self._kept[index]))

    def mask(self, index: int) -> NDArray[np.bool_]:
        return self._whole.mask(int(self._kept[index]))


def _remembered(dataset: Dataset, cache: Path) -> Path:
    made_by = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
    # Another version of a library may read what this one could not.
    readers = [version(name) for name in _READERS]
    return cache / "verified" / f"{_digest([VERSION, dataset.fingerprint, made_by, readers])}.json"


def _digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()
