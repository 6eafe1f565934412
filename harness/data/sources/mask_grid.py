"""The one grid on which the masks of a dataset are scored."""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.images.read import image_size
from harness.errors import HarnessError
from harness.storage.regular_files import require_regular

_FILES_PER_TASK = 64
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@dataclass(frozen=True, slots=True)
class MaskGrid:
    """Pixels per side, and what a run says of masks that are brought to it."""

    side: int | None
    """None where there are no masks."""
    notes: tuple[str, ...] = ()


def mask_grid(
    masks: Sequence[Path], *, otherwise: int, largest: int | None = None, padded: bool = False
) -> MaskGrid:
    """The longer side of most masks, from the headers of all of them; of two that are as frequent
    the larger one.

    Args:
        masks: the files.
        otherwise: the side where no header can be read.
        largest: masks above it are counted, and reduced, to it.
        padded: whether masks become squares by padding; otherwise they are stretched.
    """
    sizes = [size for size in _sizes(masks) if size is not None]
    if not sizes:
        return MaskGrid(otherwise if masks else None)
    longer = [max(size) for size in sizes]
    counts = Counter(side if largest is None else min(side, largest) for side in longer)
    side = max(counts, key=lambda side: (counts[side], side))
    reduced = sum(pixels > side for pixels in longer)
    enlarged = sum(pixels < side for pixels in longer)
    stretched = 0 if padded else sum(max(size) == side != min(size) for size in sizes)
    changes = [
        f"{count} {'is' if count == 1 else 'are'} {what}"
        for count, what in ((reduced, "reduced"), (enlarged, "enlarged"), (stretched, "stretched"))
        if count
    ]
    if not changes:
        return MaskGrid(side)
    whose = f"the longer side of {longer.count(side)} of {len(longer)} masks"
    whose = whose if side in longer else f"the most that is used of {len(longer)} masks"
    return MaskGrid(
        side,
        (
            f"masks are learnt and scored on {side} x {side} pixels, {whose}; "
            f"{' and '.join(changes)} to it, nearest pixel",
        ),
    )


def on_mask_grid(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """The mask [H, W] on the grid, bool [side, side]: every pixel takes the nearest one."""
    if mask.shape == (side, side):
        return mask
    nearest = Image.fromarray(mask.view(np.uint8)).resize((side, side), Image.Resampling.NEAREST)
    return np.asarray(nearest).astype(bool)


def _sizes(paths: Sequence[Path]) -> list[tuple[int, int] | None]:
    tasks = [paths[i : i + _FILES_PER_TASK] for i in range(0, len(paths), _FILES_PER_TASK)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return [
            size for sizes in pool.map(lambda task: list(map(_size, task)), tasks) for size in sizes
        ]


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height; None where the header says none, which reading that mask will tell."""
    try:
        require_regular(path)
        with path.open("rb") as file:
            head = file.read(len(_PNG) + 8)
        if head.startswith(_PNG) and len(head) == len(_PNG) + 8:
            width, height = struct.unpack(">II", head[len(_PNG) :])
            return (width, height) if width and height else None
        return image_size(path)
    except (OSError, HarnessError):
        return None
