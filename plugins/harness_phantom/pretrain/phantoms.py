"""Phantoms to learn from, in memory, with what the simulator knows of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harness_phantom.dataset import PhantomDataset, open_phantom
from harness_phantom.radiograph import render_finding

RENDERED = 128
"""Pixels per side that radiographs are simulated at, as the dataset ``phantom`` does."""
CELLS = 8
"""Cells per side of the simulator's maps."""


@dataclass(frozen=True, slots=True)
class Phantoms:
    """N radiographs; none of it names a class."""

    images: Tensor
    """uint8 [N, S, S]"""
    findings: Tensor
    """Share of each cell's lung air that the finding replaces, float32 [N, CELLS, CELLS]."""
    lungs: Tensor
    """Share of each cell that is lung, float32 [N, CELLS, CELLS]."""
    names: tuple[str, ...]
    """What each shows, for the captions of :mod:`harness_phantom.pretrain.captions` alone."""

    def __len__(self) -> int:
        return len(self.images)


def simulate(
    seed: int, count: int, size: int, workers: int, progress: Callable[[int], None]
) -> Phantoms:
    """The first ``count`` pictures of the dataset ``phantom`` under ``seed``.

    Args:
        seed: of the dataset, other than any that is evaluated on.
        count: number of pictures.
        size: pixels per side.
        workers: processes that simulate; the result does not depend on it.
        progress: is given the number of pictures that are done.
    """
    dataset = open_phantom(None, images=count, size=RENDERED, seed=seed)
    images = np.empty((count, size, size), np.uint8)
    maps = np.empty((2, count, CELLS, CELLS), np.float32)
    with ProcessPoolExecutor(workers) as pool:
        made = pool.map(partial(_one, dataset, size), range(count), chunksize=50)
        for number, (image, finding, lungs) in enumerate(made):
            images[number], maps[0, number], maps[1, number] = image, finding, lungs
            progress(number + 1)
    findings, lungs_ = (torch.from_numpy(part) for part in maps)
    names = tuple(request.finding for request in dataset.requests)
    return Phantoms(torch.from_numpy(images), findings, lungs_, names)


def _one(dataset: PhantomDataset, size: int, index: int) -> tuple[np.ndarray, ...]:
    image = Image.fromarray(dataset.image(index))
    small = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
    finding = render_finding(dataset.requests[index])
    return small, _cells(finding), _cells(dataset.mask(index).astype(np.float32))


def _cells(field: np.ndarray) -> np.ndarray:
    side = len(field) // CELLS
    cells: np.ndarray = field.reshape(CELLS, side, CELLS, side).mean(axis=(1, 3), dtype=np.float32)
    return cells
