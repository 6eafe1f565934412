"""The dataset: a table of samples at once, pixels and the content's fingerprint on request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

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
from harness_radiography.defects import metadata_defects
from harness_radiography.layout import CLASSES, Layout, read_layout
from harness_radiography.metadata import Metadata, read_metadata

MASK_SIZE = 256
"""Pixels per side of the masks as published."""


def open_radiography(
    root: Path | None, *, columns: Mapping[str, str] | None = None
) -> RadiographyDataset:
    """The dataset under ``root``, its folder or the folder that holds it; reads no image, and of
    masks the headers.

    Args:
        root: the folder.
        columns: ``path``, ``group`` or ``source`` -> its column of ``groups.csv``, where it is not
            called as usual.

    Raises:
        HarnessError: ``root`` is missing or holds something else; see :func:`read_layout` and
            :func:`read_metadata`.
    """
    if root is None:
        raise HarnessError("the radiography dataset needs --data-root DIR, the unpacked folder")
    layout = read_layout(Path(root))
    columns = columns or {}
    return RadiographyDataset(layout, read_metadata(layout, columns), columns)


class RadiographyDataset:
    """The COVID-19 Radiography Database."""

    def __init__(self, layout: Layout, metadata: Metadata, columns: Mapping[str, str]) -> None:
        self._layout = layout
        self._metadata = metadata
        self._columns = dict(columns)
        entries = layout.entries
        masks = [entry.mask for entry in entries if entry.mask is not None]
        grid = mask_grid(masks, otherwise=MASK_SIZE)
        self.samples = Samples(
            ids=tuple(entry.id for entry in entries),
            labels=np.array([CLASSES.index(entry.class_name) for entry in entries], dtype=np.int64),
            classes=CLASSES,
            has_mask=np.array([entry.mask is not None for entry in entries]),
            mask_size=grid.side,
            groups=metadata.groups,
            sources=metadata.sources,
            notes=(*layout.notes, *metadata.notes, *grid.notes),
        )

    @cached_property
    def fingerprint(self) -> str:
        entries = self._layout.entries
        images = [entry.image for entry in entries]
        masks = [entry.mask for entry in entries if entry.mask]
        content = fingerprint_files([*images, *masks, *self._metadata.files], self._layout.root)
        if not self._columns:
            return content
        facts = json.dumps([sorted(self._columns.items()), content])
        return hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()

    @property
    def files(self) -> SampleFiles:
        entries = self._layout.entries
        return SampleFiles(
            root=self._layout.root,
            images=tuple(entry.image for entry in entries),
            masks=tuple(entry.mask for entry in entries),
        )

    def defects(self, progress: Callable[[int, int], None]) -> Iterator[Defect]:
        """What the layout and the metadata show; the pixels are the harness's to check."""
        known = [*self.files.images, *self.files.masks, *self._metadata.files]
        yield from stray_files(self._layout.root, {path for path in known if path is not None})
        yield from metadata_defects(self._layout, self._metadata, self._columns)

    def image(self, index: int) -> NDArray[np.uint8]:
        return read_grey(self._layout.entries[index].image)

    def mask(self, index: int) -> NDArray[np.bool_]:
        entry, side = self._layout.entries[index], self.samples.mask_size
        if entry.mask is None or side is None:
            raise HarnessError(f"image {entry.id} has no reference mask")
        return on_mask_grid(read_mask(entry.mask), side)
