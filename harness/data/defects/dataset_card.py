"""What a dataset is made of, counted from its table and from its files' headers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.data.images.read import image_size
from harness.data.sources.defect import SampleFiles
from harness.data.sources.mask_notes import mask_notes
from harness.data.splits.duplicates import duplicate_notes
from harness.errors import HarnessError

_BLOCK = 256


def dataset_card(dataset: Dataset, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Counts of classes, sources, parts, groups, masks and image sizes, as plain JSON values.

    No pixel is decoded. What is unknown is None; ``"unreadable"`` counts images whose header says
    no size.

    Raises:
        HarnessError: a file cannot be opened for the fingerprint.
    """
    samples = dataset.samples
    classes = {}
    for label, name in enumerate(samples.classes):
        rows = np.flatnonzero(samples.labels == label)
        sources = None
        if samples.sources is not None:
            sources = _counts(samples.sources[i] for i in rows)
        masks = int(samples.has_mask[rows].sum())
        classes[name] = {"images": len(rows), "masks": masks, "sources": sources}
    return {
        "images": len(samples),
        "classes": classes,
        "masks": int(samples.has_mask.sum()),
        "mask_size": samples.mask_size,
        "groups": None if samples.groups is None else len(set(samples.groups)),
        "sources": None if samples.sources is None else _counts(samples.sources),
        "split": None
        if samples.split is None
        else _counts(part or "none" for part in samples.split),
        "image_sizes": _sizes(dataset, progress),
        "fingerprint": dataset.fingerprint,
        "notes": [*samples.notes, *duplicate_notes(samples), *mask_notes(samples)],
    }


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _sizes(dataset: Dataset, progress: Callable[[int, int], None]) -> dict[str, int] | None:
    """``"WIDTH x HEIGHT"`` -> number of images; None where the dataset lists no files."""
    files: SampleFiles | None = getattr(dataset, "files", None)
    if files is None:
        return None
    found: list[str] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files.images), _BLOCK):
            found += pool.map(_size, files.images[start : start + _BLOCK])
            progress(len(found), len(files.images))
    return _counts(found)


def _size(path: Path) -> str:
    try:
        width, height = image_size(path)
    except HarnessError:
        return "unreadable"
    return f"{width} x {height}"
