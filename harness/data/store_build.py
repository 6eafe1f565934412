"""Building a prepared store: decode, resize, pack and write, in order, in a folder of its own."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.dataset import Dataset
from harness.data.store_check import content_digest
from harness.data.store_plan import IMAGES, MASKS, META, REFERENCE, StorePlan
from harness.errors import HarnessError

_BLOCK = 256
"""Images between two reports of progress, and the most that wait in memory to be written."""
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def build(
    dataset: Dataset, plan: StorePlan, directory: Path, progress: Callable[[int, int], None]
) -> None:
    """Write the store into the new folder ``directory``, or leave no folder.

    Raises:
        HarnessError: an image or mask cannot be read, or the disk is full.
    """
    started = time.perf_counter()
    directory.mkdir()
    try:
        with _disk_full_explained(directory, plan):
            _write_arrays(dataset, plan, directory, progress)
            _write_meta(plan, directory, time.perf_counter() - started)
    except BaseException:
        shutil.rmtree(directory)
        raise


def images_written(directory: Path, plan: StorePlan) -> int:
    """How many images a builder has written to ``directory`` so far."""
    try:
        written = (directory / IMAGES).stat().st_size
    except FileNotFoundError:
        return 0
    return min(plan.count, written // (plan.size * plan.size))


def _write_arrays(
    dataset: Dataset, plan: StorePlan, directory: Path, progress: Callable[[int, int], None]
) -> None:
    progress(0, plan.count)
    with ExitStack() as stack:
        # Plain writes, not a writable memory map: on a full disk that one ends the process.
        files = {name: stack.enter_context((directory / name).open("wb")) for name in plan.shapes}
        for name, shape in plan.shapes.items():
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(files[name], header)
        # Pillow releases the interpreter's lock: threads do, and processes would gain nothing.
        pool = stack.enter_context(ThreadPoolExecutor(min(8, os.cpu_count() or 1)))
        for start in range(0, plan.count, _BLOCK):
            rows = range(start, min(start + _BLOCK, plan.count))
            for row in pool.map(lambda index: _row(dataset, plan, index), rows):
                for name, array in row.items():
                    files[name].write(array.data)
            for file in files.values():
                file.flush()
            progress(rows.stop, plan.count)
        for file in files.values():
            os.fsync(file.fileno())


def _row(dataset: Dataset, plan: StorePlan, index: int) -> dict[str, NDArray[np.uint8]]:
    """What each file gets of one image."""
    samples, side = dataset.samples, (plan.size, plan.size)
    grey = dataset.image(index)
    if grey.dtype != np.uint8 or grey.ndim != 2:
        raise HarnessError(
            f"image {samples.ids[index]}: the dataset must return uint8 [H, W], "
            f"got {grey.dtype} {list(grey.shape)}"
        )
    resized = Image.fromarray(grey).resize(side, _FILTERS[plan.interpolation])
    row = {IMAGES: np.asarray(resized)}
    if plan.mask_size is None:
        return row
    if not samples.has_mask[index]:
        empty = {name: np.zeros(plan.shapes[name][1], np.uint8) for name in (MASKS, REFERENCE)}
        return {**row, **empty}
    mask = dataset.mask(index)
    if mask.dtype != bool or mask.shape != (plan.mask_size, plan.mask_size):
        raise HarnessError(
            f"mask {samples.ids[index]}: the dataset must return bool "
            f"[{plan.mask_size}, {plan.mask_size}], got {mask.dtype} {list(mask.shape)}"
        )
    nearest = Image.fromarray(mask.view(np.uint8)).resize(side, Image.Resampling.NEAREST)
    return {**row, MASKS: np.packbits(np.asarray(nearest)), REFERENCE: np.packbits(mask)}


def _write_meta(plan: StorePlan, directory: Path, seconds: float) -> None:
    files = {
        name: {
            "bytes": (directory / name).stat().st_size,
            "digest": content_digest(directory / name),
        }
        for name in plan.shapes
    }
    meta = {"key": plan.key, "build_seconds": round(seconds, 3), "files": files}
    (directory / META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _disk_full_explained(directory: Path, plan: StorePlan) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        need = sum(int(np.prod(shape)) for shape in plan.shapes.values())
        raise HarnessError(
            f"{directory.parent}: the disk is full; the prepared images need {need / 1e6:.0f} MB. "
            "Make room or set CXR_HARNESS_CACHE to another folder"
        ) from error
