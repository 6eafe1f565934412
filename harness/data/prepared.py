"""The prepared store: every image of a dataset at one size, on disk, read through a memory map.

It is made once for a dataset's content, a size and an interpolation, and shared by all cells. A
store is whole or absent: it is built under another name, renamed, and checked whenever it is
opened.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import PIL
from numpy.typing import NDArray

from harness.data.dataset import Dataset
from harness.data.lock import exclusive
from harness.data.store_build import build, images_written
from harness.data.store_check import StoreDamagedError, check
from harness.data.store_plan import IMAGES, MASKS, REFERENCE, StorePlan
from harness.errors import HarnessError

Interpolation = Literal["bilinear", "bicubic"]
Progress = Callable[[int, int], None]
"""Called with the number of images done and of all images."""

STORE_VERSION = 1
"""Raise it with every change of what a store contains."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Store:
    """Prepared images and masks, one row per sample of the dataset."""

    directory: Path
    key: str
    """Hexadecimal digest of all that decides the content."""
    size: int
    """Pixels per side."""
    mask_size: int | None
    """Pixels per side of the native grid of the reference masks; None where there are none."""
    build_seconds: float
    """Wall time that building took, whoever built it."""
    images: NDArray[np.uint8]
    """Grey images [N, size, size], a read-only memory map."""
    notes: tuple[str, ...] = ()
    """What a run says once about this store."""
    _masks: NDArray[np.uint8] | None
    _reference: NDArray[np.uint8] | None

    def training_masks(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Masks at the images' size, bool [n, size, size]; all False where there is no mask."""
        shape = (len(indices), self.size, self.size)
        if self._masks is None:
            return np.zeros(shape, dtype=bool)
        bits = np.unpackbits(self._masks[indices], axis=1, count=self.size * self.size)
        return bits.view(bool).reshape(shape)

    def reference_bits(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Reference masks on their native grid g, flattened row by row and packed by
        ``np.packbits``: uint8 [n, ceil(g * g / 8)]; all zero where there is no mask.

        Raises:
            HarnessError: the dataset has no masks.
        """
        if self._reference is None:
            raise HarnessError("the dataset has no reference masks")
        return np.asarray(self._reference[indices])


def open_store(
    dataset: Dataset,
    *,
    size: int,
    interpolation: Interpolation,
    cache: Path,
    progress: Progress | None = None,
) -> Store:
    """The dataset's store at this size, built under ``cache`` where it is missing or damaged.

    Images are resized with Pillow's antialiasing filter, each by itself and without keeping the
    aspect; masks take the nearest pixel. Of processes that need the same store one builds, and the
    others wait and report its progress.

    Raises:
        HarnessError: an image or mask cannot be read, or the folder cannot hold the store. Nothing
            is left of the attempt.
    """
    if interpolation not in ("bilinear", "bicubic"):
        raise HarnessError(f"interpolation must be bilinear or bicubic, got {interpolation!r}")
    samples = dataset.samples
    plan = StorePlan(
        key=_key(dataset.fingerprint, size, interpolation),
        size=size,
        interpolation=interpolation,
        count=len(samples),
        mask_size=samples.mask_size if samples.has_mask.any() else None,
    )
    directory = cache / "prepared" / plan.key
    if directory.is_dir():
        try:
            return _open(directory, plan)
        except StoreDamagedError:
            pass  # Another process may be replacing it: the lock decides.
    return _open_or_build(dataset, plan, directory, progress)


def _key(fingerprint: str, size: int, interpolation: str) -> str:
    pillow = PIL.__version__.partition(".")[0]
    facts = json.dumps([STORE_VERSION, fingerprint, size, interpolation, pillow])
    return hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()


def _open_or_build(
    dataset: Dataset, plan: StorePlan, directory: Path, progress: Progress | None
) -> Store:
    building = directory.with_name(f"{plan.key}.building")
    notes: tuple[str, ...] = ()

    def waiting() -> None:
        if progress:
            progress(images_written(building, plan), plan.count)

    with exclusive(directory.with_name(f"{plan.key}.lock"), waiting):
        if directory.exists():
            try:
                return _open(directory, plan)
            except StoreDamagedError as damage:
                notes = (f"the prepared images in {directory} were damaged ({damage}): rebuilt",)
        if building.exists():  # What a killed builder left.
            shutil.rmtree(building)
        build(dataset, plan, building, progress or (lambda done, count: None))
        if directory.exists():
            shutil.rmtree(directory)
        building.rename(directory)
        return _open(directory, plan, notes)


def _open(directory: Path, plan: StorePlan, notes: tuple[str, ...] = ()) -> Store:
    meta = check(directory, plan)
    maps = {
        name: np.load(directory / name, mmap_mode="r", allow_pickle=False) for name in plan.shapes
    }
    return Store(
        directory=directory,
        key=plan.key,
        size=plan.size,
        mask_size=plan.mask_size,
        build_seconds=float(meta["build_seconds"]),
        images=maps[IMAGES],
        notes=notes,
        _masks=maps.get(MASKS),
        _reference=maps.get(REFERENCE),
    )
