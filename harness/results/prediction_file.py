"""Prediction files: what a cell predicted on one set, with what the dataset knows of its images."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.results.packed_masks import check_bits
from harness.results.predictions import (
    ClassPredictions,
    MaskPredictions,
    Reference,
    check_counts,
    check_labels,
    check_probabilities,
    check_sums,
)
from harness.storage.json_files import write_bytes

_SCHEMA = 1
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class PredictionFile:
    """What one prediction file holds. Reference masks are the dataset's and are not repeated.

    Raises:
        HarnessError: on construction, where shapes disagree or a value is out of range.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    probabilities: NDArray[np.float32] | None = None
    """Of the ``label`` target, [N, C]; None where the task has none."""
    mask_bits: NDArray[np.uint8] | None = None
    """Of the ``mask`` target, thresholded and bit-packed, [N, B]; None where the task has none."""
    mask_grid: int | None = None
    has_mask: NDArray[np.bool_] | None = None
    """Which images have a reference mask, [N]; given with ``mask_bits``."""
    mask_sums: NDArray[np.float64] | None = None
    """As :attr:`MaskPredictions.sums`, of all N images; g is 0 where there is no mask."""
    mask_counts: NDArray[np.int64] | None = None
    """Per image, pixels in both the predicted and the reference mask, in the predicted, and in the
    reference, on the native grid, [N, 3]; zeros where there is no reference mask. With them masks
    are scored without the dataset. None in files of an older version."""

    def __post_init__(self) -> None:
        check_labels(self.ids, self.labels, self.classes)
        for what, values in (("groups", self.groups), ("sources", self.sources)):
            if values is not None and len(values) != len(self.ids):
                raise HarnessError(f"predictions of {len(self.ids)} images, {len(values)} {what}")
        if self.probabilities is not None:
            check_probabilities(self.ids, self.probabilities, self.classes)
        if self.mask_counts is not None:
            check_counts(len(self.ids), self.mask_counts)
        if self.mask_bits is None:
            return
        if self.mask_grid is None or self.has_mask is None:
            raise HarnessError("predicted masks come with mask_grid and has_mask")
        check_bits("mask_bits", self.mask_bits, len(self.ids), self.mask_grid)
        if self.has_mask.shape != (len(self.ids),):
            raise HarnessError(f"has_mask has shape {self.has_mask.shape}, not ({len(self.ids)},)")
        if self.mask_sums is not None:
            check_sums(len(self.ids), self.mask_sums)

    def counted(self, reference: Reference) -> PredictionFile:
        """The same with :attr:`mask_counts`; unchanged where the task has no masks."""
        masks = self.mask_predictions(reference)
        if masks is None or self.has_mask is None:
            return self
        counts = np.zeros((len(self.ids), 3), dtype=np.int64)
        counts[self.has_mask] = np.stack(
            [masks.intersection, masks.predicted_area, masks.reference_area], axis=1
        )
        return replace(self, mask_counts=counts)

    def of_images(self, images: Collection[str]) -> PredictionFile:
        """The part that is of these images, in the file's order; HarnessError where there is
        none."""
        chosen = [index for index, image in enumerate(self.ids) if image in images]
        if len(chosen) == len(self.ids):
            return self

        def texts(words: tuple[str, ...] | None) -> tuple[str, ...] | None:
            return None if words is None else tuple(words[index] for index in chosen)

        def rows(array: NDArray[_Number] | None) -> NDArray[_Number] | None:
            return None if array is None else array[chosen]

        return PredictionFile(
            ids=tuple(self.ids[index] for index in chosen),
            labels=self.labels[chosen],
            classes=self.classes,
            groups=texts(self.groups),
            sources=texts(self.sources),
            probabilities=rows(self.probabilities),
            mask_bits=rows(self.mask_bits),
            mask_grid=self.mask_grid,
            has_mask=rows(self.has_mask),
            mask_sums=rows(self.mask_sums),
            mask_counts=rows(self.mask_counts),
        )

    def class_predictions(self) -> ClassPredictions | None:
        """The ``label`` target's, or None where the task has none."""
        if self.probabilities is None:
            return None
        return ClassPredictions(
            ids=self.ids,
            labels=self.labels,
            probabilities=self.probabilities,
            classes=self.classes,
        )

    def mask_predictions(self, reference: Reference) -> MaskPredictions | None:
        """The ``mask`` target's, over the images that have a reference mask; None where the task
        has no masks."""
        if self.mask_bits is None or self.mask_grid is None or self.has_mask is None:
            return None
        chosen = np.flatnonzero(self.has_mask)
        ids = tuple(self.ids[index] for index in chosen)
        bits = reference(ids) if ids else self.mask_bits[:0]
        return MaskPredictions(
            ids=ids,
            predicted_bits=self.mask_bits[chosen],
            reference_bits=bits,
            grid=self.mask_grid,
            sums=None if self.mask_sums is None else self.mask_sums[chosen],
        )


def write_predictions(path: Path, file: PredictionFile) -> None:
    """Write an npz without pickles, whole or not at all; equal predictions give equal bytes."""
    arrays: dict[str, NDArray[Any]] = {
        "schema": np.array(_SCHEMA),
        "ids": _text(file.ids),
        "labels": file.labels.astype(np.int64),
        "classes": _text(file.classes),
    }
    optional: dict[str, NDArray[Any] | None] = {
        "groups": None if file.groups is None else _text(file.groups),
        "sources": None if file.sources is None else _text(file.sources),
        "probabilities": file.probabilities,
        "mask_bits": file.mask_bits,
        "mask_grid": None if file.mask_grid is None else np.array(file.mask_grid),
        "has_mask": file.has_mask,
        "mask_sums": file.mask_sums,
        "mask_counts": file.mask_counts,
    }
    arrays.update({name: array for name, array in optional.items() if array is not None})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


def read_predictions(path: Path, *, bits: bool = True) -> PredictionFile:
    """Read what :func:`write_predictions` wrote.

    Args:
        bits: whether predicted masks are read, which are nearly all of a file that has any; their
            counts and sums are read in any case.

    Raises:
        HarnessError: the file is missing, broken, or of another schema; names it.
    """
    with _blaming(path):
        return _from_arrays(_arrays(path, None if bits else _BUT_BITS))


def read_scored_ids(path: Path, target: str) -> tuple[str, ...]:
    """The images that a file's metrics of the target are over; its predictions are not read.

    Raises:
        HarnessError: as :func:`read_predictions`, or the file has no such target.
    """
    with _blaming(path):
        if target != "mask":
            return tuple(map(str, _arrays(path, ("ids",))["ids"]))
        arrays = _arrays(path, ("ids", "has_mask"))
        return tuple(map(str, arrays["ids"][arrays["has_mask"]]))


_BUT_BITS = (
    *("ids", "labels", "classes", "groups", "sources"),
    *("probabilities", "has_mask", "mask_sums", "mask_counts"),
)
REFERENCE = ("ids", "labels", "classes", "groups", "sources", "has_mask")
"""Arrays of a prediction file that repeat the dataset's table."""


def read_reference(path: Path) -> dict[str, NDArray[Any]]:
    """Those of the arrays :data:`REFERENCE` that the file holds; predictions are not read.

    Raises:
        HarnessError: as for :func:`read_predictions`.
    """
    with _blaming(path):
        arrays = _arrays(path, REFERENCE)
        for name in ("ids", "labels", "classes"):
            arrays[name]
        return arrays


def reference_checksums(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, CRC-32 and size of the arrays of :data:`REFERENCE` that the file lists: files
    that agree in them hold the same arrays, which need not be read twice.

    Raises:
        HarnessError: the file is missing or is not an archive; names it.
    """
    members = {f"{name}.npy" for name in REFERENCE}
    with _blaming(path), zipfile.ZipFile(path) as archive:
        return tuple(
            sorted(
                (m.filename, m.CRC, m.file_size)
                for m in archive.infolist()
                if m.filename in members
            )
        )


def _arrays(path: Path, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    stored = np.load(path, allow_pickle=False)
    if not isinstance(stored, np.lib.npyio.NpzFile):
        raise HarnessError("is not a prediction file (a single array)")
    with stored:
        if stored["schema"] != _SCHEMA:
            raise HarnessError(f"schema {stored['schema']}, this version reads {_SCHEMA}")
        wanted = stored.files if names is None else [name for name in names if name in stored.files]
        return {name: stored[name] for name in wanted}


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Errors of the file, raised with its name."""
    try:
        yield
    except HarnessError as error:
        raise HarnessError(f"{path}: {error}") from error
    except KeyError as error:
        raise HarnessError(f"{path}: lacks the array {error}") from error
    except FileNotFoundError as error:
        raise HarnessError(f"{path} is missing") from error
    except (OSError, ValueError, TypeError, EOFError, NotImplementedError) as error:
        raise HarnessError(f"{path}: is not a prediction file ({error})") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise HarnessError(f"{path}: is damaged ({error}); run its cell again") from error


def _from_arrays(arrays: dict[str, NDArray[Any]]) -> PredictionFile:
    def names(key: str) -> tuple[str, ...] | None:
        return tuple(map(str, arrays[key])) if key in arrays else None

    return PredictionFile(
        ids=tuple(map(str, arrays["ids"])),
        labels=arrays["labels"],
        classes=tuple(map(str, arrays["classes"])),
        groups=names("groups"),
        sources=names("sources"),
        probabilities=arrays.get("probabilities"),
        mask_bits=arrays.get("mask_bits"),
        mask_grid=int(arrays["mask_grid"]) if "mask_grid" in arrays else None,
        has_mask=arrays.get("has_mask"),
        mask_sums=arrays.get("mask_sums"),
        mask_counts=arrays.get("mask_counts"),
    )


def _text(values: tuple[str, ...]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_)
