"""Checks of a dataset: its table, and pixels on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset, Samples
from harness.planning.datasets import open_dataset
from harness.provenance import package_file
from harness.specs import DatasetSpec
from harness.testing.checks.check import BrokenPromiseError, Check, NotCheckedError, Promise
from harness.testing.checks.light import use_without_torch

LOOKED_AT = 8
"""Images of a dataset that are read."""
THREADS = 4

_OPENED = ("opens",)
DESCRIPTION = Promise(
    name="description",
    group="static",
    contract="the files that published names are installed",
    fix="ship them as package data, or correct the names",
)
OPENS = Promise(
    name="opens",
    group="contract",
    contract="the factory returns a harness.Dataset whose samples is a harness.Samples, with "
    "labels of whole numbers",
    fix="give the object samples, fingerprint, image and mask",
)
LIGHT = Promise(
    name="without-torch",
    group="contract",
    contract="a dataset opens and reads an image without torch",
    fix="read images with harness.read_grey, and move imports of torch elsewhere",
    after=_OPENED,
)
FINGERPRINT = Promise(
    name="fingerprint",
    group="contract",
    contract="the fingerprint is a text of hexadecimal digits and the same each time that the same "
    "files are opened",
    fix="make it of the files with harness.fingerprint_files, and of nothing that changes by "
    "itself",
    after=_OPENED,
)
IMAGES = Promise(
    name="images",
    group="contract",
    contract="image(index) returns a grey image, uint8 [H, W]",
    fix="return the array of harness.read_grey, or convert to uint8 and one channel",
    after=_OPENED,
)
MASKS = Promise(
    name="masks",
    group="contract",
    contract="where has_mask says so, mask(index) returns bool [mask_size, mask_size]",
    fix="return the array of harness.read_mask, or correct has_mask and mask_size",
    after=_OPENED,
)
THREADED = Promise(
    name="threads",
    group="contract",
    contract="several threads that read at the same time get the same pixels as one",
    fix="share no open file, buffer or random generator between calls of image()",
    after=(*_OPENED, "images"),
)


def dataset_checks(spec: DatasetSpec, roots: Mapping[str, Path]) -> Iterator[Check]:
    """Every check of a dataset.

    Args:
        roots: dataset -> its folder; under ``""`` that of all others.
    """
    root = roots.get(spec.name, roots.get("")) if spec.needs_root else None

    def fresh() -> Dataset:
        if spec.needs_root and root is None:
            raise NotCheckedError(f"it needs a folder: --data-root {spec.name}=DIR")
        return open_dataset(spec, root)

    opened = cache(fresh)
    functions: tuple[tuple[Promise, Callable[[], None]], ...] = (
        (DESCRIPTION, partial(_description, spec)),
        (OPENS, partial(_opens, spec, opened)),
        (LIGHT, partial(_light, spec, fresh)),
        (FINGERPRINT, partial(_fingerprint, opened, fresh)),
        (IMAGES, partial(_images, opened)),
        (MASKS, partial(_masks, opened)),
        (THREADED, partial(_threaded, opened)),
    )
    for promise, function in functions:
        yield Check(subject=f"dataset:{spec.name}", promise=promise, function=function)


def _description(spec: DatasetSpec) -> None:
    for file in spec.published:
        package_file(file)


def _opens(spec: DatasetSpec, opened: Callable[[], Dataset]) -> None:
    dataset = opened()
    if not isinstance(dataset, Dataset):
        raise BrokenPromiseError(
            f"{spec.factory} returned {type(dataset).__name__}, which lacks one of samples, "
            "fingerprint, image and mask"
        )
    samples = dataset.samples
    if not isinstance(samples, Samples):
        raise BrokenPromiseError(f"samples is a {type(samples).__name__}")
    if samples.labels.dtype.kind not in "iu":
        raise BrokenPromiseError(f"labels are of type {samples.labels.dtype}")


def _light(spec: DatasetSpec, fresh: Callable[[], Dataset]) -> None:
    use_without_torch(spec.factory, lambda: fresh().image(0))


def _fingerprint(opened: Callable[[], Dataset], fresh: Callable[[], Dataset]) -> None:
    first, second = opened().fingerprint, fresh().fingerprint
    if not isinstance(first, str) or not first or set(first) - set("0123456789abcdef"):
        raise BrokenPromiseError(f"fingerprint is {first!r:.60}")
    if first != second:
        raise BrokenPromiseError(f"opened twice, it has the fingerprints {first} and {second}")


def _some(dataset: Dataset) -> list[int]:
    """Indices from the first to the last."""
    count = len(dataset.samples)
    return sorted({int(index) for index in np.linspace(0, count - 1, LOOKED_AT)})


def _images(opened: Callable[[], Dataset]) -> None:
    dataset = opened()
    for index in _some(dataset):
        image = dataset.image(index)
        _check_array(f"image({index})", image, np.dtype(np.uint8))
        if image.ndim != 2 or not image.size:
            raise BrokenPromiseError(f"image({index}) has shape {list(image.shape)}")


def _masks(opened: Callable[[], Dataset]) -> None:
    dataset = opened()
    samples = dataset.samples
    found = np.flatnonzero(samples.has_mask)[:LOOKED_AT]
    if not len(found):
        raise NotCheckedError("it has no masks")
    for index in map(int, found):
        mask = dataset.mask(index)
        _check_array(f"mask({index})", mask, np.dtype(np.bool_))
        if mask.shape != (samples.mask_size, samples.mask_size):
            raise BrokenPromiseError(
                f"mask({index}) has shape {list(mask.shape)}, and mask_size is {samples.mask_size}"
            )


def _check_array(what: str, value: object, dtype: np.dtype[np.generic]) -> None:
    if not isinstance(value, np.ndarray):
        raise BrokenPromiseError(f"{what} returned {type(value).__name__}, not a NumPy array")
    if value.dtype != dtype:
        raise BrokenPromiseError(f"{what} is of type {value.dtype}")


def _threaded(opened: Callable[[], Dataset]) -> None:
    dataset = opened()
    rows = _some(dataset)
    alone = [dataset.image(index) for index in rows]
    with ThreadPoolExecutor(THREADS) as threads:
        together: list[NDArray[np.uint8]] = list(threads.map(dataset.image, rows * THREADS))
    for index, image in zip(rows * THREADS, together, strict=True):
        if not np.array_equal(image, alone[rows.index(index)]):
            raise BrokenPromiseError(f"image({index}) differs when several threads read")
