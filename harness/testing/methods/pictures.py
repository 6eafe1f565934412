"""Made-up images whose classes and masks are plain to see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.training.batches import Part, union
from harness.training.fit.runner import Parts

BATCH = 8
"""Images of a batch."""
GRID = 32
"""Pixels per side of the grid that masks end on."""


def pictures(
    count: int, size: int, classes: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """Images [N, size, size], labels [N] and masks [N, size, size].

    The class is how bright the background is and how wide its stripes are; the mask is a light
    ellipse, somewhere near the middle.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % max(classes, 1)
    rows, columns = np.mgrid[0:size, 0:size] / size
    middle = 0.5 + random.uniform(-0.15, 0.15, (2, count, 1, 1))
    masks = ((rows - middle[0]) / 0.3) ** 2 + ((columns - middle[1]) / 0.2) ** 2 < 1
    level = labels[:, None, None]
    stripes = np.sin(2 * np.pi * columns * (2 + 3 * level))
    background = 30 + 90 * level / max(classes - 1, 1) + 20 * stripes
    noise = random.normal(0, 3, (count, size, size))
    grey = np.where(masks, background + 90, background) + noise
    return grey.clip(0, 255).astype(np.uint8), labels, masks


def make_parts(size: int, classes: int, *, masks: bool, all_have_masks: bool) -> Parts:
    """Two batches to train on and one to validate on.

    Args:
        masks: whether the task has a mask.
        all_have_masks: whether every image has one; else one in four lacks it.
    """
    count = 3 * BATCH
    pixels, labels, drawn = pictures(count, size, classes, seed=0)
    has_mask = np.arange(count) % 4 != 1 if masks and not all_have_masks else np.full(count, masks)
    whole = Part(
        indices=np.arange(count),
        ids=tuple(f"image-{index}" for index in range(count)),
        images=pixels,
        labels=labels,
        mask_bits=np.packbits(drawn.reshape(count, -1), axis=1) if masks else None,
        has_mask=has_mask,
        mask_grid=GRID if masks else None,
    )
    train, val = rows_of(whole, slice(0, 2 * BATCH)), rows_of(whole, slice(2 * BATCH, count))
    return Parts(train=train, val=val, every=union([train, val]))


def rows_of(part: Part, rows: slice) -> Part:
    """A part of the part, on the same images."""
    return replace(
        part,
        indices=part.indices[rows],
        ids=part.ids[rows],
        labels=part.labels[rows],
        has_mask=part.has_mask[rows],
    )
