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


def outline(mask: NDArray[np.bool_]) -> str:
    """The edges between pixels inside and outside the mask bool [H, W], in units of pixels; empty
    for an empty mask."""
    padded = np.pad(mask, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]
    along = padded[1:-1, 1:] != padded[1:-1, :-1]
    level = [f"M{start} {row}h{length}" for row, start, length in _runs(across)]
    upright = [f"M{column} {start}v{length}" for column, start, length in _runs(along.T)]
    return "".join([*level, *upright])


def _runs(edges: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Row, start and length of each run of edges in a row."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(steps == 1), np.argwhere(steps == -1)
    return [
        (int(row), int(start), int(end - start))
        for (row, start), (_, end) in zip(starts, ends, strict=True)
    ]


def film(grey: NDArray[np.uint8]) -> str:
    """A grey image uint8 [H, W] as the address of a JPEG: the file itself."""
    image = Image.fromarray(grey)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
