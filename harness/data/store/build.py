"""Building a prepared store: decode, resize, pack and write, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.dataset import Dataset
from harness.errors import HarnessError
from harness.storage.artefact import write_header
from harness.storage.artefact_meta import Layout, Plan

IMAGES, MASKS, REFERENCE = "images.npy", "masks.npy", "reference.npy"

_IMAGES_PER_TASK = 8
"""Images that a thread prepares at a time, and that lie between two reports of progress."""
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def layouts(count: int, size: int, mask_size: int | None) -> Mapping[str, Layout]:
    """The arrays of a store of ``count`` images; masks are packed to one bit per pixel."""
    files = {IMAGES: Layout((count, size, size))}
    if mask_size is not None:
        files[MASKS] = Layout((count, _packed(size)))
        files[REFERENCE] = Layout((count, _packed(mask_size)))
    return files


def _packed(side: int) -> int:
    """Bytes of a bit mask of side x side pixels."""
    return (side * side + 7) // 8


def build(
    dataset: Dataset,
    plan: Plan,
    directory: Path,
    size: int,
    interpolation: str,
    progress: Callable[[int, int], None],
) -> None:
    """Write the store's arrays into the folder ``directory``.

    Raises:
        HarnessError: an image or mask cannot be read.
    """
    count = len(dataset.samples)
    progress(0, count)

    def rows(indices: range) -> list[dict[str, NDArray[np.uint8]]]:
        return [_row(dataset, plan, index, size, interpolation) for index in indices]

    with ExitStack() as stack:
        files = {name: stack.enter_context((directory / name).open("wb")) for name in plan.files}
        for name, layout in plan.files.items():
            write_header(files[name], layout)
        threads = min(8, os.cpu_count() or 1)
        # Resizing, and Pillow's decoders, release the interpreter's lock: threads do.
        pool = ThreadPoolExecutor(threads)
        stack.callback(pool.shutdown, cancel_futures=True)
        tasks = [
            range(i, min(i + _IMAGES_PER_TASK, count)) for i in range(0, count, _IMAGES_PER_TASK)
        ]
        waiting = deque(pool.submit(rows, task) for task in tasks[: 2 * threads])
        for number, task in enumerate(tasks):
            written = waiting.popleft().result()
            if number + 2 * threads < len(tasks):
                waiting.append(pool.submit(rows, tasks[number + 2 * threads]))
            for arrays in written:
                for name, array in arrays.items():
                    files[name].write(array.data)
            for file in files.values():
                file.flush()
            progress(task.stop, count)


def images_written(directory: Path, plan: Plan) -> int:
    """How many images a builder has written to ``directory`` so far."""
    try:
        written = (directory / IMAGES).stat().st_size
    except FileNotFoundError:
        return 0
    count, height, width = plan.files[IMAGES].shape
    return min(count, written // (height * width))


def resized(grey: NDArray[np.uint8], size: int, interpolation: str) -> NDArray[np.uint8]:
    """A grey image uint8 [H, W] as networks are given it, uint8 [size, size]: Pillow's antialiasing
    filter, without keeping the aspect."""
    return np.asarray(Image.fromarray(grey).resize((size, size), _FILTERS[interpolation]))


def _row(
    dataset: Dataset, plan: Plan, index: int, size: int, interpolation: str
) -> dict[str, NDArray[np.uint8]]:
    """What each file gets of one image."""
    samples, side = dataset.samples, (size, size)
    grey = dataset.image(index)
    if grey.dtype != np.uint8 or grey.ndim != 2:
        raise HarnessError(
            f"image {samples.ids[index]}: the dataset must return uint8 [H, W], "
            f"got {grey.dtype} {list(grey.shape)}"
        )
    row = {IMAGES: resized(grey, size, interpolation)}
    if MASKS not in plan.files:
        return row
    if not samples.has_mask[index]:
        empty = {name: np.zeros(plan.files[name].shape[1], np.uint8) for name in (MASKS, REFERENCE)}
        return {**row, **empty}
    mask = dataset.mask(index)
    grid = samples.mask_size
    if mask.dtype != bool or mask.shape != (grid, grid):
        raise HarnessError(
            f"mask {samples.ids[index]}: the dataset must return bool [{grid}, {grid}], "
            f"got {mask.dtype} {list(mask.shape)}"
        )
    nearest = Image.fromarray(mask.view(np.uint8)).resize(side, Image.Resampling.NEAREST)
    return {**row, MASKS: np.packbits(np.asarray(nearest)), REFERENCE: np.packbits(mask)}
