"""A set of images drawn again, many times, by groups.

Images of one patient resemble each other, so whole groups are drawn with replacement and never
single images. All methods of a study are measured on the same draws: their differences are paired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.results.prediction_file import PredictionFile
from harness.seeds import derive_seed

RESAMPLES = 2000
_BLOCK = 1 << 22
"""Weights that are held as floating-point numbers at a time."""


@dataclass(frozen=True, eq=False)
class Resampling:
    """How often each of G groups is in each of R resamples. Made by :func:`resample`."""

    group_of: Mapping[str, int]
    """Image id -> its group, 0 … G - 1."""
    weights: NDArray[np.unsignedinteger]
    """[R, G]; the sum over the groups of a resample is G."""

    @property
    def groups(self) -> int:
        """G."""
        return int(self.weights.shape[1])

    def rows(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The group of each image, [N]; KeyError for one that is not of the set."""
        return np.fromiter((self.group_of[image] for image in ids), np.int64, len(ids))

    def sums(self, ids: Sequence[str], values: NDArray[np.number]) -> NDArray[np.float64]:
        """Sums over the images of each resample, [R, K], of values per image, [N, K].

        Whole numbers are summed without rounding as long as the sums stay below 2**53.
        """
        rows = self.rows(ids)
        per_group = np.empty((self.groups, values.shape[1]), dtype=np.float64)
        for column in range(values.shape[1]):
            per_group[:, column] = np.bincount(rows, values[:, column], minlength=self.groups)
        return self.totals(per_group)

    def totals(self, per_group: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the groups of each resample, [R, K], of sums per group, [G, K]."""
        found = np.empty((len(self.weights), per_group.shape[1]), dtype=np.float64)
        step = max(1, _BLOCK // self.groups)
        for start in range(0, len(self.weights), step):
            block = self.weights[start : start + step].astype(np.float64)
            found[start : start + step] = block @ per_group
        return found

    def images_of(self, resample: int, ids: Sequence[str]) -> NDArray[np.int64]:
        """Positions in ``ids`` of the images of one resample, each as often as its group was
        drawn."""
        return np.repeat(np.arange(len(ids)), self.weights[resample, self.rows(ids)])


def resample(group_of: Mapping[str, str], resamples: int = RESAMPLES) -> Resampling:
    """Draw as many groups as there are, with replacement, ``resamples`` times.

    The draws depend on nothing but the images and their groups, so that every report of a set, and
    every method in it, has the same ones.

    Args:
        group_of: image id -> name of its group, of at least one image (:func:`group_names`).
    """
    names = sorted(set(group_of.values()))
    place = {name: index for index, name in enumerate(names)}
    generator = np.random.default_rng(derive_seed("resampling", _digest(group_of)))
    count = len(names)
    drawn = np.empty((resamples, count), dtype=np.min_scalar_type(count))
    step = max(1, _BLOCK // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        picks = generator.integers(count, size=(rows, count))
        picks += count * np.arange(rows)[:, None]
        drawn[start : start + rows] = np.bincount(picks.ravel(), minlength=rows * count).reshape(
            rows, count
        )
    return Resampling(
        group_of={image: place[name] for image, name in group_of.items()}, weights=drawn
    )


def group_names(file: PredictionFile) -> dict[str, str]:
    """Image id -> the group that a prediction file has for it; each image is its own group where
    the dataset knows none."""
    groups = file.ids if file.groups is None else file.groups
    return dict(zip(file.ids, groups, strict=True))


def _digest(group_of: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for pair in sorted(group_of.items()):
        for text in pair:
            data = text.encode("utf-8", "surrogatepass")
            digest.update(f"{len(data)}:".encode() + data)
    return digest.hexdigest()
