"""From a cell's prediction files to its metrics: at the end of a cell, and in ``harness score``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset
from harness.errors import HarnessError
from harness.metrics.one_metric import is_own
from harness.metrics.scored_set import ScoredSet
from harness.results.packed_masks import pack_masks
from harness.results.prediction_file import PredictionFile
from harness.results.predictions import Reference
from harness.results.record import MetricsRecord, SetMetrics
from harness.results.rundir import CellDirectory
from harness.specs import TARGET_OF_KIND, MetricSpec

__all__ = [
    "CellScores",
    "primary_direction",
    "reference_masks",
    "score_cell",
    "score_file",
    "score_files",
]


def score_cell(
    cell: CellDirectory,
    metrics: Iterable[MetricSpec],
    primary: Sequence[str],
    reference: Reference,
    plugins: Mapping[str, str] = MappingProxyType({}),
) -> MetricsRecord:
    """The metrics of every prediction file of a cell; writes nothing.

    Args:
        metrics: what to compute; those of targets that a file does not hold are left out.
        primary: metrics as ``target.metric``, whose mean is the primary metric.
        reference: the dataset's reference masks, e.g. :func:`reference_masks`; called only where
            masks have been predicted.
        plugins: metric -> the plugin that offers it, for notes and errors.

    Raises:
        HarnessError: there is no prediction file, a primary metric is not among the metrics, or a
            primary metric fails.
    """
    return CellScores(cell, metrics, primary, reference, plugins).finish()


class CellScores:
    """A cell's metrics, computed in two steps.

    To score several cells in one process, make one for each before any is finished:
    no module of a plugin's metric has been imported then, and none can change what the harness's
    own metrics compute. Between the steps it holds no predictions.

    Args and errors are those of :func:`score_cell`.
    """

    def __init__(
        self,
        cell: CellDirectory,
        metrics: Iterable[MetricSpec],
        primary: Sequence[str],
        reference: Reference,
        plugins: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if not cell.sets:
            raise HarnessError(f"{cell.path} holds no prediction file; run its cell again")
        self._cell, self._metrics, self._reference = cell, tuple(metrics), reference
        self._higher_is_better = primary_direction(self._metrics, primary)
        self._sets: dict[str, ScoredSet] = {}
        for part in cell.sets:
            file = cell.predictions(part)
            self._sets[part] = ScoredSet(f"{part} set", file, reference, primary, plugins)
            for spec in filter(is_own, self._metrics):
                self._sets[part].add(spec)
            self._sets[part].close()

    def finish(self) -> MetricsRecord:
        """The metrics of plugins as well, and everything as ``metrics.json`` holds it."""
        foreign = [spec for spec in self._metrics if not is_own(spec)]
        if foreign:
            for part, scored in self._sets.items():
                scored.open(self._cell.predictions(part), self._reference)
            _add(foreign, self._sets)
        return _record(self._sets, self._metrics, self._higher_is_better)


def score_files(
    files: Mapping[str, tuple[PredictionFile, Reference]],
    metrics: Sequence[MetricSpec],
    primary: Sequence[str],
    plugins: Mapping[str, str] = MappingProxyType({}),
) -> MetricsRecord:
    """The metrics of prediction files, by the name of their set.

    The harness's own metrics come first, on all sets: what a plugin's module changes while it is
    imported cannot change them. Each of the others gets arrays of its own that it cannot write to.
    One that fails, or returns anything but a finite float or None, has no value, and a note says
    so; unless it is primary.

    Raises:
        HarnessError: a primary metric is not among the metrics, is of a target that a file does not
            hold, or fails.
    """
    higher_is_better = primary_direction(metrics, primary)
    sets = {
        part: ScoredSet(f"{part} set", file, reference, primary, plugins)
        for part, (file, reference) in files.items()
    }
    _add(sorted(metrics, key=lambda spec: not is_own(spec)), sets)
    return _record(sets, metrics, higher_is_better)


def score_file(
    file: PredictionFile,
    metrics: Sequence[MetricSpec],
    primary: Sequence[str],
    reference: Reference,
    *,
    where: str,
    plugins: Mapping[str, str] = MappingProxyType({}),
) -> SetMetrics:
    """The metrics of one prediction file; ``where`` names it in errors."""
    scored = ScoredSet(where, file, reference, primary, plugins)
    for spec in sorted(metrics, key=lambda spec: not is_own(spec)):
        scored.add(spec)
    direction = primary_direction(metrics, primary)
    return scored.record([spec.name for spec in metrics], direction)


def _add(metrics: Iterable[MetricSpec], sets: Mapping[str, ScoredSet]) -> None:
    """Compute each metric on all sets before the next one."""
    for spec in metrics:
        for scored in sets.values():
            scored.add(spec)


def _record(
    sets: Mapping[str, ScoredSet], metrics: Iterable[MetricSpec], higher_is_better: bool
) -> MetricsRecord:
    order = [spec.name for spec in metrics]
    return {part: scored.record(order, higher_is_better) for part, scored in sets.items()}


def reference_masks(dataset: Dataset, fingerprint: str) -> Reference:
    """Reference masks read from the dataset, each once.

    Raises:
        HarnessError: the dataset is not the one with this fingerprint, which the cell was run on.
            Later, from the result: the dataset has no such image.
    """
    if dataset.fingerprint != fingerprint:
        raise HarnessError(
            f"the dataset here has fingerprint {dataset.fingerprint}, the run was made on "
            f"{fingerprint}: its masks are others; give the --data-root of the run"
        )
    index_of = {image: index for index, image in enumerate(dataset.samples.ids)}

    @cache
    def packed(image: str) -> NDArray[np.uint8]:
        if image not in index_of:
            raise HarnessError(f"the dataset holds no image {image!r}, which the run predicted")
        bits: NDArray[np.uint8] = pack_masks(dataset.mask(index_of[image])[None])[0]
        return bits

    def read(images: tuple[str, ...]) -> NDArray[np.uint8]:
        return np.stack([packed(image) for image in images])

    return read


def primary_direction(metrics: Sequence[MetricSpec], primary: Sequence[str]) -> bool:
    """Whether a higher primary metric is better; HarnessError where that has no answer."""
    directions = {
        spec.full_name: spec.higher_is_better for spec in metrics if spec.kind in TARGET_OF_KIND
    }
    if unknown := [name for name in primary if name not in directions]:
        raise HarnessError(
            f"primary metric {', '.join(unknown)} is not offered by any plugin that loaded; "
            f"metrics: {', '.join(sorted(directions)) or 'none'}"
        )
    chosen = {directions[name] for name in primary}
    if len(chosen) != 1:
        raise HarnessError(
            f"primary metrics {', '.join(primary)}: some are better higher, some lower; "
            "their mean ranks nothing"
        )
    return chosen.pop()
