"""A dataset as recorded by its study: cells read the table and rarely open the images."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset, Samples
from harness.data.left_out import leave_out
from harness.errors import HarnessError
from harness.storage.json_files import write_bytes

_LEFT_OUT = ("left_out", "masks_left_out")


def write_samples(path: Path, samples: Samples) -> None:
    """The table as an npz without pickles, whole or not at all."""
    arrays: dict[str, Any] = {
        "ids": np.array(samples.ids),
        "labels": samples.labels,
        "classes": np.array(samples.classes),
        "has_mask": samples.has_mask,
        "mask_size": np.array(samples.mask_size or 0),
    }
    if samples.groups is not None:
        arrays["groups"] = np.array(samples.groups)
    if samples.sources is not None:
        arrays["sources"] = np.array(samples.sources)
    for name in _LEFT_OUT:
        arrays[name] = np.array(getattr(samples, name), dtype=np.str_)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())


def read_samples(path: Path) -> Samples:
    """The table that :func:`write_samples` wrote."""
    with np.load(path, allow_pickle=False) as file:
        strings = {
            name: tuple(str(value) for value in file[name]) if name in file else None
            for name in ("ids", "classes", "groups", "sources", *_LEFT_OUT)
        }
        assert strings["ids"] is not None
        assert strings["classes"] is not None
        return Samples(
            ids=strings["ids"],
            classes=strings["classes"],
            groups=strings["groups"],
            sources=strings["sources"],
            labels=file["labels"],
            has_mask=file["has_mask"],
            mask_size=int(file["mask_size"]) or None,
            left_out=strings["left_out"] or (),
            masks_left_out=strings["masks_left_out"] or (),
        )


class RecordedDataset:
    """A :class:`Dataset` whose images are opened when the first pixel is asked for.

    Args:
        samples: the recorded table.
        fingerprint: of the dataset when it was recorded.
        opener: opens the dataset itself.
    """

    def __init__(self, samples: Samples, fingerprint: str, opener: Callable[[], Dataset]) -> None:
        self.samples = samples
        self.fingerprint = fingerprint
        self._opener = opener

    @cached_property
    def _opened(self) -> Dataset:
        dataset = self._opener()
        if self.samples.left_out or self.samples.masks_left_out:
            dataset = leave_out(dataset, self.samples.left_out, self.samples.masks_left_out)
        if dataset.fingerprint != self.fingerprint:
            raise HarnessError(
                "the dataset has changed since this study was planned; run the command again"
            )
        if dataset.samples.rows_digest != self.samples.rows_digest:
            raise HarnessError(
                "the dataset lists its images, classes or masks in another order than when this "
                "study was planned, with the same content; its plugin must fix their order"
            )
        return dataset

    def image(self, index: int) -> NDArray[np.uint8]:
        return self._opened.image(index)

    def mask(self, index: int) -> NDArray[np.bool_]:
        return self._opened.mask(index)
