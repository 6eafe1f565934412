"""Which errors a dataset has, detected once for its content, and the dataset without them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset, Samples
from harness.data.defects.read_notes import counted
from harness.data.defects.verify import Verified, inspect, sample_names
from harness.data.left_out import leave_out
from harness.data.sources.defect import Defect
from harness.errors import HarnessError
from harness.provenance import version
from harness.specs import to_json
from harness.storage.cache import kept_in_cache
from harness.storage.json_files import json_digest, read_json, write_json
from harness.storage.names import on_one_line

VERSION = 3
"""Raise it with every change of what is an error, or of what is kept."""

SEEN = ("same_pixels", "empty_masks", "full_masks")
"""Fields of samples that only reading the files can fill."""
_NAMED = 5
_PASSING = frozenset({"decoder", "unreadable"})
"""Kinds of errors that disappear when something other than the file changes."""
_READERS = ("pillow", "pydicom", "kornia-rs")


@dataclass(frozen=True, slots=True)
class Found:
    """What verification found in a dataset's files, as far as it matters to a run."""

    errors: tuple[Defect, ...]
    notes: tuple[str, ...]
    """How many files are not read exactly as they are stored, one line per kind."""
    same_pixels: tuple[tuple[str, ...], ...]
    """Ids of images that have equal pixels, two or more at a time."""
    empty_masks: tuple[str, ...]
    """Ids of images whose mask marks no pixel."""
    full_masks: tuple[str, ...]
    """Ids of images whose mask marks every pixel."""


def verified(dataset: Dataset, cache: Path, progress: Callable[[int, int], None]) -> Found:
    """What was found in the dataset: from ``cache`` where its content has been verified, or
    verified now.

    Raises:
        HarnessError: a file is missing, or the cache cannot be written.
    """
    found = remembered(dataset, cache)
    return found or remember(dataset, inspect(dataset, progress), cache)


def remembered(dataset: Dataset, cache: Path) -> Found | None:
    """What an earlier verification of the same content found; None without one."""
    path = _remembered(dataset, cache)
    if not path.exists():
        return None
    try:
        kept = read_json(path)
        return Found(
            errors=tuple(Defect(**defect) for defect in kept["errors"]),
            notes=tuple(map(str, kept["notes"])),
            same_pixels=tuple(tuple(str(name) for name in names) for names in kept["same_pixels"]),
            empty_masks=tuple(map(str, kept["empty_masks"])),
            full_masks=tuple(map(str, kept["full_masks"])),
        )
    except (HarnessError, KeyError, TypeError):
        return None  # Damaged: made again.


def known_errors(
    dataset: Dataset, cache: Path, progress: Callable[[int, int], None]
) -> tuple[Defect, ...]:
    """The errors of :func:`verified`."""
    return verified(dataset, cache, progress).errors


def remember(dataset: Dataset, seen: Verified, cache: Path) -> Found:
    """What matters to a run among the findings, kept for :func:`remembered`.

    Nothing is kept where a file could not be read at all because a decoder or a permission is
    missing: that is a matter of this machine, today, not of the dataset.
    """
    found = Found(
        errors=tuple(defect for defect in seen.defects if defect.severity == "error"),
        notes=counted(d.kind for d in seen.defects if d.severity == "note"),
        same_pixels=seen.same_pixels,
        empty_masks=seen.empty_masks,
        full_masks=seen.full_masks,
    )
    path = _remembered(dataset, cache)
    if any(error.kind in _PASSING for error in found.errors):
        return found
    kept = {
        "errors": [to_json(error) for error in found.errors],
        "notes": list(found.notes),
        "same_pixels": found.same_pixels,
        "empty_masks": found.empty_masks,
        "full_masks": found.full_masks,
    }
    with kept_in_cache(path):
        write_json(path, kept)
    return found


def with_found(dataset: Dataset, found: Found) -> Dataset:
    """The dataset with the findings, except errors, added to its samples; otherwise the same."""
    seen = {name: getattr(found, name) for name in SEEN}
    if not (found.notes or any(seen.values())):
        return dataset
    notes = (*dataset.samples.notes, *found.notes)
    return _Told(dataset, replace(dataset.samples, notes=notes, **seen))


def without(dataset: Dataset, errors: Iterable[Defect]) -> Dataset:
    """The dataset without the files that have errors: a bad image is removed, of a bad
    mask only the mask. A note of its samples names the files.

    Raises:
        HarnessError: an error belongs to neither an image nor a mask, or no image is left.
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
    many = "1 bad file is" if len(files) == 1 else f"{len(files)} bad files are"
    note = f"{many} left out: {', '.join(map(on_one_line, files[:_NAMED]))}{more}"
    if missing := {error.file: error.remedy for error in errors if error.kind == "decoder"}:
        remedies = ", ".join(sorted(set(missing.values())))
        note += f"; {len(missing)} of them only because a decoder is missing ({remedies})"
    left_out = [image_ids[file] for file in files if file in image_ids]
    masks_left_out = [mask_ids[file] for file in files if file in mask_ids]
    return leave_out(dataset, left_out, masks_left_out, notes=(note,))


class _Told:
    """A dataset with more known about its samples."""

    def __init__(self, whole: Dataset, samples: Samples) -> None:
        self.samples = samples
        self._whole = whole

    @property
    def fingerprint(self) -> str:
        return self._whole.fingerprint

    def image(self, index: int) -> NDArray[np.uint8]:
        return self._whole.image(index)

    def mask(self, index: int) -> NDArray[np.bool_]:
        return self._whole.mask(index)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def _remembered(dataset: Dataset, cache: Path) -> Path:
    made_by = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
    # Another version of a library may read what this one could not.
    readers = [version(name) for name in _READERS]
    return (
        cache / "verified" / f"{json_digest([VERSION, dataset.fingerprint, made_by, readers])}.json"
    )
