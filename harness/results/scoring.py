"""From a cell's prediction files to its metrics: at the end of a cell, and in ``harness score``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset
from harness.errors import HarnessError
from harness.metrics.classification import MACRO, all_classes_defined, per_class_recall
from harness.results.bits import pack_masks
from harness.results.metric import MetricError, is_own, value_of
from harness.results.predictions import ClassPredictions, PredictionFile, Reference
from harness.results.record import MetricsRecord, SetMetrics, Values
from harness.results.rundir import CellDirectory
from harness.specs import TARGET_KINDS, MetricSpec

TARGET_OF_KIND: Mapping[str, str] = {kind: name for name, kind in TARGET_KINDS.items()}
"""Kind of target that a metric scores -> the target of a prediction file."""


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
        HarnessError: there is no prediction file, a primary metric is none of the metrics, or a
            primary metric fails.
    """
    if not cell.sets:
        raise HarnessError(f"{cell.path} holds no prediction file; run its cell again")
    files = {part: (cell.predictions(part), reference) for part in cell.sets}
    return score_files(files, tuple(metrics), primary, plugins)


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
        HarnessError: a primary metric is none of the metrics, is of a target that a file does not
            hold, or fails.
    """
    higher_is_better = primary_direction(metrics, primary)
    sets = [
        _Set(f"{part} set", file, reference, primary, plugins)
        for part, (file, reference) in files.items()
    ]
    for spec in sorted(metrics, key=lambda spec: not is_own(spec)):
        for scored in sets:
            scored.add(spec)
    order = [spec.name for spec in metrics]
    return {
        part: scored.record(order, higher_is_better)
        for part, scored in zip(files, sets, strict=True)
    }


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
    scored = _Set(where, file, reference, primary, plugins)
    for spec in sorted(metrics, key=lambda spec: not is_own(spec)):
        scored.add(spec)
    direction = primary_direction(metrics, primary)
    return scored.record([spec.name for spec in metrics], direction)


class _Set:
    """One prediction file while it is scored."""

    def __init__(
        self,
        where: str,
        file: PredictionFile,
        reference: Reference,
        primary: Sequence[str],
        plugins: Mapping[str, str],
    ) -> None:
        self._where, self._file, self._plugins = where, file, plugins
        self._primary = tuple(primary)
        self._label = file.class_predictions()
        self._mask = file.mask_predictions(reference)
        self._values: dict[str, Values] = {"label": {}, "mask": {}}
        self._notes: list[str] = []

    def add(self, spec: MetricSpec) -> None:
        """Compute the metric where the file holds its target."""
        predictions = {"classes": self._label, "binary-mask": self._mask}.get(spec.kind)
        if predictions is None:
            return
        target = TARGET_OF_KIND[spec.kind]
        plugin = self._plugins.get(spec.name)
        try:
            value = value_of(spec, predictions, self._where, plugin)
        except MetricError as error:
            if f"{target}.{spec.name}" in self._primary:
                raise
            value = None
            self._notes.append(str(error))
        self._values[target][spec.name] = value

    def record(self, order: Sequence[str], higher_is_better: bool) -> SetMetrics:
        file = self._file
        values: dict[str, Values | None] = {
            target: {name: self._values[target][name] for name in order if name in there}
            if held is not None
            else None
            for target, held in (("label", self._label), ("mask", self._mask))
            for there in [self._values[target]]
        }
        return {
            "images": len(file.ids),
            "masks": len(self._mask.ids) if self._mask else 0,
            "classes": list(file.classes),
            "classes_present": [file.classes[index] for index in np.unique(file.labels)],
            "label": values["label"],
            "label_all_classes": _over_all_classes(self._label, values["label"]),
            "recall_per_class": per_class_recall(self._label) if self._label else None,
            "mask": values["mask"],
            "notes": self._notes,
            "primary": _primary(values, self._primary, self._where),
            "primary_metrics": list(self._primary),
            "primary_higher_is_better": higher_is_better,
        }


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


def _over_all_classes(label: ClassPredictions | None, values: Values | None) -> Values | None:
    if label is None or values is None:
        return None
    defined = all_classes_defined(label)
    return {name: values[name] if defined else None for name in MACRO if name in values}


def primary_direction(metrics: Sequence[MetricSpec], primary: Sequence[str]) -> bool:
    """Whether a higher primary metric is better; HarnessError where that has no answer."""
    directions = {
        f"{TARGET_OF_KIND[spec.kind]}.{spec.name}": spec.higher_is_better
        for spec in metrics
        if spec.kind in TARGET_OF_KIND
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


def _primary(
    values: Mapping[str, Values | None], primary: Sequence[str], where: str
) -> float | None:
    chosen = []
    for name in primary:
        target, _, metric = name.partition(".")
        scores = values.get(target)
        if scores is None:
            raise HarnessError(
                f"the primary metric is {name}, but the {where} holds no predicted {target}"
            )
        chosen.append(scores[metric])
    numbers = [value for value in chosen if value is not None]
    return sum(numbers) / len(numbers) if len(numbers) == len(chosen) else None
