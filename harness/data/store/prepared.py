"""The prepared store: every image of a dataset at one size, on disk, read through a memory map.

It is made once for a dataset's content, a size and an interpolation, and shared by all cells: an
artefact (:mod:`harness.storage.artefact`) with one row per sample.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import PIL
from numpy.typing import NDArray

from harness.data.dataset import Dataset
from harness.data.store.build import IMAGES, MASKS, REFERENCE, build, images_written, layouts
from harness.errors import HarnessError
from harness.runtime.stopwatch import Taken
from harness.storage.artefact import obtain
from harness.storage.artefact_meta import Plan

Interpolation = Literal["bilinear", "bicubic"]
Progress = Callable[[int, int], None]
"""Called with the number of images done and of all images."""

STORE_VERSION = 3
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
    taken: Taken
    """What building it took, in whichever process."""
    images: NDArray[np.uint8]
    """Grey images [N, size, size], a read-only memory map."""
    mask_bits: NDArray[np.uint8] | None
    """Masks at the images' size, flattened row by row and packed by ``np.packbits``:
    [N, ceil(size * size / 8)], all zero where an image has none; None where the dataset has none.
    A read-only memory map."""
    notes: tuple[str, ...] = ()
    """Notes that a run prints once about this store."""
    _reference: NDArray[np.uint8] | None

    @property
    def build_seconds(self) -> float:
        """Wall time that building took."""
        return self.taken["wall_seconds"]

    def reference_bits(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Reference masks on their native grid g, packed like ``mask_bits``:
        uint8 [n, ceil(g * g / 8)]; all zero where there is no mask.

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
    plan = plan_store(dataset, size=size, interpolation=interpolation, cache=cache)
    report: Progress = progress or (lambda done, count: None)
    found = obtain(
        plan,
        lambda directory: build(dataset, plan, directory, size, interpolation, report),
        lambda: report(images_written(plan.building, plan), len(samples)),
    )
    notes: tuple[str, ...] = ()
    if found.damage is not None:
        notes = (f"{plan.title} in {plan.directory} were damaged ({found.damage}): rebuilt",)
    return Store(
        directory=plan.directory,
        key=plan.key,
        size=size,
        mask_size=_mask_size(dataset),
        taken=found.taken,
        images=found.arrays[IMAGES],
        mask_bits=found.arrays.get(MASKS),
        notes=notes,
        _reference=found.arrays.get(REFERENCE),
    )


def plan_store(dataset: Dataset, *, size: int, interpolation: Interpolation, cache: Path) -> Plan:
    """Where :func:`open_store` finds or makes the store, and what it is to contain."""
    return Plan(
        directory=cache / "prepared" / _key(dataset, size, interpolation),
        files=layouts(len(dataset.samples), size, _mask_size(dataset)),
        title="the prepared images",
    )


def _mask_size(dataset: Dataset) -> int | None:
    samples = dataset.samples
    return samples.mask_size if samples.has_mask.any() else None


def _key(dataset: Dataset, size: int, interpolation: str) -> str:
    pillow = PIL.__version__.partition(".")[0]
    # Rows are found by their number: the same content in another order is another store.
    content = [dataset.fingerprint, dataset.samples.rows_digest]
    facts = json.dumps([STORE_VERSION, *content, size, interpolation, pillow])
    return hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()
