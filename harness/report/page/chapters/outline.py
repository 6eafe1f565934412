"""A mask's outline as the path of an SVG, and a film as a small JPEG."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 176
"""Pixels of a film's longer side on a page, at most."""
QUALITY = 78


LONGEST = 10_000
"""Characters of an outline: two are a picture of a page that may have three dozen."""


def outline(mask: NDArray[np.bool_], unit: int = 1) -> str:
    """The edges between pixels inside and outside the mask bool [H, W]; empty for an empty mask.

    Args:
        unit: length of a pixel's side in the path.
    """
    padded = np.pad(mask, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]
    along = padded[1:-1, 1:] != padded[1:-1, :-1]
    level = [f"M{start} {row}h{length}" for row, start, length in _runs(across) * unit]
    upright = [f"M{column} {start}v{length}" for column, start, length in _runs(along.T) * unit]
    return "".join([*level, *upright])


def short_outline(mask: NDArray[np.bool_]) -> tuple[str, bool]:
    """The outline on the mask's own grid, and whether it is of every second pixel, every fourth …
    only: a ragged mask has more edges than a page can hold."""
    unit = 1
    path = outline(mask)
    while len(path) > LONGEST:
        unit *= 2
        path = outline(mask[::unit, ::unit], unit)
    return path, unit > 1


def _runs(edges: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Row, start and length of each run of edges in a row, [n, 3]."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(steps == 1), np.argwhere(steps == -1)
    return np.column_stack([starts, ends[:, 1] - starts[:, 1]])


def film(grey: NDArray[np.uint8]) -> str:
    """A grey image uint8 [H, W] as the address of a JPEG: the file itself."""
    image = Image.fromarray(grey)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
