"""The dataset: a table of samples at once, pixels and the content's fingerprint on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness import (
    Defect,
    HarnessError,
    SampleFiles,
    Samples,
    fingerprint_files,
    image_size,
    read_grey,
    read_mask,
    stray_files,
)
from harness_radiography.defects import metadata_defects
from harness_radiography.layout import CLASSES, Entry, Layout, read_layout
from harness_radiography.metadata import Metadata, read_metadata

MASK_SIZE = 256
"""Pixels per side of the masks as published."""


def open_radiography(root: Path | None) -> RadiographyDataset:
    """The dataset under ``root``, its folder or the folder that holds it; opens no image.

    Raises:
        HarnessError: ``root`` is missing or holds something else; see :func:`read_layout` and
            :func:`read_metadata`.
    """
    if root is None:
        raise HarnessError("the radiography dataset needs --data-root DIR, the unpacked folder")
    layout = read_layout(Path(root))
    return RadiographyDataset(layout, read_metadata(layout))


class RadiographyDataset:
    """The COVID-19 Radiography Database."""

    def __init__(self, layout: Layout, metadata: Metadata) -> None:
        self._layout = layout
        self._metadata = metadata
        entries = layout.entries
        self.samples = Samples(
            ids=tuple(entry.id for entry in entries),
            labels=np.array([CLASSES.index(entry.class_name) for entry in entries], dtype=np.int64),
            classes=CLASSES,
            has_mask=np.array([entry.mask is not None for entry in entries]),
            mask_size=_mask_size(entries),
            groups=metadata.groups,
            sources=metadata.sources,
            notes=(*layout.notes, *metadata.notes),
        )

    @cached_property
    def fingerprint(self) -> str:
        entries = self._layout.entries
        images = [entry.image for entry in entries]
        masks = [entry.mask for entry in entries if entry.mask]
        return fingerprint_files([*images, *masks, *self._metadata.files], self._layout.root)

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
        yield from metadata_defects(self._layout, self._metadata)

    def image(self, index: int) -> NDArray[np.uint8]:
        return read_grey(self._layout.entries[index].image)

    def mask(self, index: int) -> NDArray[np.bool_]:
        entry, side = self._layout.entries[index], self.samples.mask_size
        if entry.mask is None or side is None:
            raise HarnessError(f"image {entry.id} has no reference mask")
        mask = read_mask(entry.mask)
        if mask.shape == (side, side):
            return mask
        resized = Image.fromarray(mask.view(np.uint8)).resize(
            (side, side), Image.Resampling.NEAREST
        )
        return np.asarray(resized).astype(bool)


def _mask_size(entries: tuple[Entry, ...]) -> int | None:
    """Pixels per side of the first square mask, from its header; None where there are no masks."""
    masks = [entry.mask for entry in entries if entry.mask]
    for path in masks:
        try:
            width, height = image_size(path)
        except HarnessError:
            continue  # Reading that mask names it; it must not keep a dataset from being listed.
        if width == height:
            return width
    return MASK_SIZE if masks else None
