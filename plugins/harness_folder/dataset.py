"""The datasets ``folder`` and ``csv``: a table of samples at once, pixels on request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness import (
    Defect,
    HarnessError,
    SampleFiles,
    Samples,
    fingerprint_files,
    mask_grid,
    on_mask_grid,
    read_grey,
    read_mask,
    stray_files,
)
from harness_folder.found import UNKNOWN_SOURCE, Found, Row
from harness_folder.layout import read_folder
from harness_folder.listing import read_listing

VERSION = 3
"""Raised with every change of what is made of the same files."""
LARGEST_GRID = 512
"""Pixels per side: larger masks are brought to it."""

_Pixel = TypeVar("_Pixel", np.uint8, np.bool_)


def open_folder(
    root: Path | None, *, pad: bool, columns: Mapping[str, str] | None = None
) -> FileDataset:
    """The class folders under ``root``; reads no image, and of masks the headers.

    Args:
        pad: add black to the shorter sides, so that a square keeps the aspect.
        columns: ``path``, ``group`` or ``source`` -> its column of ``groups.csv``, where it is not
            called as usual.

    Raises:
        HarnessError: see :func:`read_folder`.
    """
    columns = columns or {}
    return FileDataset(read_folder(_given(root), columns), pad=pad, columns=columns)


def open_table(
    root: Path | None, *, pad: bool, columns: Mapping[str, str] | None = None
) -> FileDataset:
    """The images of a table, ``root`` or ``root/dataset.csv``; reads no image, and of masks the
    headers.

    Args:
        pad: as of :func:`open_folder`.
        columns: ``path``, ``label``, ``mask``, ``group``, ``source`` or ``split`` -> its column.

    Raises:
        HarnessError: see :func:`read_listing`.
    """
    columns = columns or {}
    return FileDataset(read_listing(_given(root), columns), pad=pad, columns=columns)


class FileDataset:
    """Images and masks in files of the user's."""

    def __init__(self, found: Found, *, pad: bool, columns: Mapping[str, str]) -> None:
        self._found = found
        self._pad = pad
        self._columns = dict(columns)
        rows = found.rows
        masks = [row.mask for row in rows if row.mask is not None]
        grid = mask_grid(masks, otherwise=LARGEST_GRID, largest=LARGEST_GRID, padded=pad)
        self.samples = Samples(
            ids=tuple(row.id for row in rows),
            labels=np.array([found.classes.index(row.label) for row in rows], dtype=np.int64),
            classes=found.classes,
            has_mask=np.array([row.mask is not None for row in rows]),
            mask_size=grid.side,
            groups=_column(rows, lambda row: row.group, lambda row: row.id),
            sources=_column(rows, lambda row: row.source, lambda row: UNKNOWN_SOURCE),
            split=_column(rows, lambda row: row.part, lambda row: ""),
            notes=(*found.notes, *grid.notes),
        )

    @property
    def files(self) -> SampleFiles:
        rows = self._found.rows
        return SampleFiles(
            root=self._found.root,
            images=tuple(row.image for row in rows),
            masks=tuple(row.mask for row in rows),
        )

    @cached_property
    def fingerprint(self) -> str:
        rows = self._found.rows
        files = {file for row in rows for file in (row.image, row.mask) if file is not None}
        content = fingerprint_files([*files, *self._found.tables], self._found.root)
        facts = json.dumps([VERSION, self._pad, sorted(self._columns.items()), content])
        return hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()

    def defects(self, progress: Callable[[int, int], None]) -> Iterator[Defect]:
        """Files that belong to nothing, and what the tables show."""
        yield from self._found.defects
        if self._found.owns_root:
            files = self.files
            known = {*files.images, *files.masks, *self._found.tables}
            yield from stray_files(self._found.root, {path for path in known if path is not None})

    def image(self, index: int) -> NDArray[np.uint8]:
        grey = read_grey(self._found.rows[index].image)
        return padded(grey) if self._pad else grey

    def mask(self, index: int) -> NDArray[np.bool_]:
        row, side = self._found.rows[index], self.samples.mask_size
        if row.mask is None or side is None:
            raise HarnessError(f"image {row.id} has no reference mask")
        mask = read_mask(row.mask)
        return on_mask_grid(padded(mask) if self._pad else mask, side)


def padded(pixels: NDArray[_Pixel]) -> NDArray[_Pixel]:
    """The pixels [H, W] in the middle of a square of the longer side, zero around them."""
    height, width = pixels.shape
    side = max(height, width)
    square = np.zeros((side, side), pixels.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square


def _given(root: Path | None) -> Path:
    if root is None:
        raise HarnessError("this dataset needs --data-root: where your images are")
    return Path(root)


def _column(
    rows: tuple[Row, ...], said: Callable[[Row], str], otherwise: Callable[[Row], str]
) -> tuple[str, ...] | None:
    """A value for every image; None where none has one."""
    if not any(said(row) for row in rows):
        return None
    return tuple(said(row) or otherwise(row) for row in rows)
