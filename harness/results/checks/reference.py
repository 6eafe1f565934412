"""Whether prediction files still agree with the study's own table about their images.

What a method is scored against is the dataset's, never the method's: ids, labels, classes, groups,
sources and which images have a mask are compared when a cell ends and whenever it is reported.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Samples
from harness.data.recorded import read_samples
from harness.data.splits.make import Split, read_split
from harness.errors import HarnessError
from harness.results.prediction_file import read_reference, reference_checksums
from harness.results.record import CellRecord
from harness.results.rundir import CellDirectory


@dataclass(frozen=True, eq=False)
class Table:
    """What a study knows of its images."""

    samples: Samples
    split: Split
    title: str
    """Names the table in errors."""
    _agreed: set[tuple[str, int | None, tuple[tuple[str, int, int], ...]]] = field(
        default_factory=set
    )

    @cached_property
    def _ids(self) -> NDArray[np.str_]:
        return np.array(self.samples.ids, dtype=np.str_)

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.argsort(self._ids)

    @cached_property
    def _texts(self) -> Mapping[str, NDArray[np.str_] | None]:
        given = {"groups": self.samples.groups, "sources": self.samples.sources}
        return {n: None if v is None else np.array(v, dtype=np.str_) for n, v in given.items()}

    def compare(self, path: Path, part: str, images: int | None) -> None:
        """Compare a prediction file with the table.

        Args:
            path: the file.
            part: the set that it is of.
            images: how many the cell was to predict; None where unknown.

        Raises:
            HarnessError: the file cannot be read or disagrees; names file and image.
        """
        # Cells of one study predict the same images: of equal arrays one is read.
        key = (part, images, reference_checksums(path))
        if key in self._agreed:
            return
        arrays = read_reference(path)
        try:
            self._compare(arrays, part, images)
        except HarnessError as error:
            raise HarnessError(f"{path}: {error} (compared with {self.title})") from error
        self._agreed.add(key)

    def _compare(self, arrays: Mapping[str, NDArray[Any]], part: str, images: int | None) -> None:
        classes = tuple(map(str, arrays["classes"]))
        if classes != self.samples.classes:
            raise HarnessError(f"its classes are {', '.join(classes)}, the dataset's are different")
        rows = self._rows(arrays["ids"])
        count = len(rows)
        if images is not None and count != images:
            raise HarnessError(f"it holds {count} images, {images} were expected")
        if len(np.unique(rows)) != count:
            raise HarnessError("it names an image twice")
        strangers = ~np.isin(rows, self.split.parts.get(part, ()))
        if strangers.any():
            raise HarnessError(f"{_some(strangers, arrays)}, are not in part {part} of the split")
        wanted = {
            "labels": self.samples.labels,
            "has_mask": self.samples.has_mask if "has_mask" in arrays else None,
            **self._texts,
        }
        for name, table in wanted.items():
            if (table is None) != (name not in arrays):
                where = "the table" if table is not None else "the file"
                raise HarnessError(f"only {where} has {name}")
            if table is None:
                continue
            if arrays[name].shape != (count,):
                raise HarnessError(f"{name} have shape {arrays[name].shape}, not ({count},)")
            different = arrays[name] != table[rows]
            if different.any():
                raise HarnessError(f"{name} differ for {_some(different, arrays)}")

    def _rows(self, ids: NDArray[Any]) -> NDArray[np.intp]:
        """Rows of the table."""
        if ids.ndim != 1 or ids.dtype.kind != "U":
            raise HarnessError("its ids are not a list of texts")
        place = np.searchsorted(self._ids, ids, sorter=self._order)
        rows: NDArray[np.intp] = self._order[np.minimum(place, len(self._ids) - 1)]
        unknown = self._ids[rows] != ids
        if unknown.any():
            raise HarnessError(f"{_some(unknown, {'ids': ids})}, are not in the dataset")
        return rows


def _some(chosen: NDArray[np.bool_], arrays: Mapping[str, NDArray[Any]]) -> str:
    """``3 images, e.g. x.png``."""
    count, first = int(chosen.sum()), str(arrays["ids"][int(np.flatnonzero(chosen)[0])])
    return f"{count} image{'' if count == 1 else 's'}, e.g. {first}"


class Tables:
    """The tables of studies, each read once."""

    def __init__(self) -> None:
        self._read: dict[tuple[Path, str, str], Table | str] = {}

    def put(self, study: Path, fingerprint: str, table: Table) -> None:
        """Use this table for the study, whatever its folder holds."""
        self._read[study, fingerprint, table.split.digest] = table

    def of(self, cell: CellDirectory, record: CellRecord) -> Table | str:
        """The table of the cell's study, or why none can be compared with."""
        study = cell.path.parents[3]
        key = (study, record["dataset"]["fingerprint"], record["split"]["digest"])
        if key not in self._read:
            self._read[key] = _read(*key)
        return self._read[key]


def _read(study: Path, fingerprint: str, digest: str) -> Table | str:
    table, split = study / "data" / f"{fingerprint}.npz", study / "splits" / f"{digest}.csv"
    for path in (table, split):
        if not path.exists():
            return f"{path} is missing"
    try:
        samples = read_samples(table)
        found = read_split(split, samples)
    except HarnessError as error:
        return str(error)
    except (OSError, ValueError, KeyError, AssertionError, zipfile.BadZipFile, zlib.error) as error:
        return f"{table} is damaged ({error})"
    if found.digest != digest:
        return f"{split} has been changed"
    return Table(samples, found, f"{table.parent.name}/{table.name}")


def compare(
    cell: CellDirectory, record: CellRecord, table: Table, sets: Sequence[str] | None = None
) -> None:
    """Compare every prediction file of the cell with the table; HarnessError where one differs.

    Args:
        sets: that it has a file of, where that is known.
    """
    for part in cell.sets if sets is None else sets:
        used = record["data"].get(part)
        path = cell.path / f"predictions-{part}.npz"
        table.compare(path, part, None if used is None else used["images"])
