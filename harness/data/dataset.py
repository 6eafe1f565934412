"""The contract of a dataset: a table of samples, and pixels on request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.data.spelling import ALIKE, spelled_alike
from harness.errors import HarnessError
from harness.storage.names import as_text, is_utf8, on_one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What is known about a dataset's images without opening any.

    Every array has one entry per image, in the same order. Raises HarnessError where they do not.
    """

    ids: tuple[str, ...]
    """Unique and stable: what split files and prediction files name an image by. In these and all
    other names, bytes that are not UTF-8 become ``\\xNN``, as no record could hold them."""
    labels: NDArray[np.int64]
    """Class index per image, [N], each in ``range(len(classes))``."""
    classes: tuple[str, ...]
    has_mask: NDArray[np.bool_]
    """Whether a reference mask exists, [N]."""
    mask_size: int | None
    """Pixels per side of the native grid of the masks, on which they are scored."""
    groups: tuple[str, ...] | None = None
    """Patient (or look-alike) group per image; None where unknown."""
    sources: tuple[str, ...] | None = None
    """Where each image came from; None where unknown."""
    split: tuple[str, ...] | None = None
    """The dataset's own split: ``train``, ``val``, ``test`` or ``test-…`` per image, empty for an
    image in no part; None where it has none. Without ``val``, one is cut from ``train``."""
    notes: tuple[str, ...] = ()
    """What a run notes once about this dataset, a line each: control characters are escaped."""
    left_out: tuple[str, ...] = ()
    """Ids of images that the run leaves out; they are not in ``ids``."""
    masks_left_out: tuple[str, ...] = ()
    """Ids of images, still in ``ids``, whose mask the run leaves out."""
    same_pixels: tuple[tuple[str, ...], ...] = ()
    """Ids of images that have equal pixels, two or more at a time, as far as the files have been
    read. Verification finds them, not the dataset."""
    empty_masks: tuple[str, ...] = ()
    """Ids of images whose mask marks no pixel, as ``same_pixels``."""
    full_masks: tuple[str, ...] = ()
    """Ids of images whose mask marks every pixel, as ``same_pixels``."""

    def __post_init__(self) -> None:
        for name in ("ids", "classes", "groups", "sources", "notes"):
            values = getattr(self, name)
            if values is not None and not all(map(is_utf8, values)):
                object.__setattr__(self, name, tuple(map(as_text, values)))
        object.__setattr__(self, "notes", tuple(map(on_one_line, self.notes)))
        count = len(self.ids)
        if count == 0:
            raise HarnessError("the dataset has no images")
        if len(set(self.ids)) != count:
            raise HarnessError("the dataset names an image twice")
        for what, values in (
            ("labels", self.labels),
            ("has_mask", self.has_mask),
            ("groups", self.groups),
            ("sources", self.sources),
            ("entries of split", self.split),
        ):
            if values is not None and len(values) != count:
                raise HarnessError(f"the dataset has {count} images but {len(values)} {what}")
        if len(set(self.classes)) != len(self.classes):
            raise HarnessError(f"the dataset names a class twice: {', '.join(self.classes)}")
        if alike := spelled_alike(self.classes):
            names = " and ".join(map(repr, alike[0]))
            raise HarnessError(f"classes {names} differ only in {ALIKE}: give each class one name")
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            raise HarnessError("the dataset has a label outside its classes")
        if self.has_mask.any() and not self.mask_size:
            raise HarnessError("the dataset has masks but no mask size")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def rows_digest(self) -> str:
        """Hexadecimal digest of which image, label and mask each row is, and of the classes in
        their order: what rows of prepared images and of predictions mean."""
        facts = [self.ids, self.labels.tolist(), self.classes, self.has_mask.tolist()]
        text = json.dumps([*facts, self.mask_size])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@runtime_checkable
class Dataset(Protocol):
    """What a dataset's factory returns. Used from several threads; must not import torch.

    It may also have ``files``, a :class:`harness.SampleFiles`, and a method ``defects(progress)``
    that yields :class:`harness.Defect`; see :mod:`harness.data.sources.defect`.
    """

    @property
    def samples(self) -> Samples:
        """The table; the same each time."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of everything that decides pixels, labels, groups and masks."""
        ...

    def image(self, index: int) -> NDArray[np.uint8]:
        """Grey image, uint8 [H, W], any size.

        Raises:
            HarnessError: the image cannot be read; names the file.
        """
        ...

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Reference mask on its native grid, bool [mask_size, mask_size]; only where has_mask."""
        ...


def subset(samples: Samples, indices: NDArray[np.int64]) -> Samples:
    """The table of these images alone, in their order; classes and their indices stay."""

    def chosen(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if values is None else tuple(values[i] for i in indices)

    return replace(
        samples,
        ids=tuple(samples.ids[i] for i in indices),
        labels=samples.labels[indices],
        has_mask=samples.has_mask[indices],
        groups=chosen(samples.groups),
        sources=chosen(samples.sources),
        split=chosen(samples.split),
    )


def present_classes(labels: NDArray[np.int64], classes: Sequence[str]) -> tuple[int, ...]:
    """Indices of the classes that occur in ``labels``, ascending."""
    return tuple(int(c) for c in np.flatnonzero(np.bincount(labels, minlength=len(classes))))
