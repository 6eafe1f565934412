"""From a cell's prediction files to its metrics: at the end of a cell, and in ``harness score``."""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset
from harness.errors import HarnessError
from harness.metrics.classification import MACRO, all_classes_defined, per_class_recall
from harness.results.bits import pack_masks
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
) -> MetricsRecord:
    """The metrics of every prediction file of a cell; writes nothing.

    Args:
        metrics: what to compute; those of targets that a file does not hold are left out.
        primary: metrics as ``target.metric``, whose mean is the primary metric.
        reference: the dataset's reference masks, e.g. :func:`reference_masks`; called only where
            masks have been predicted.

    Raises:
        HarnessError: there is no prediction file, a primary metric is none of the metrics, or a
            metric fails.
    """
    specs = tuple(metrics)
    if not cell.sets:
        raise HarnessError(f"{cell.path} holds no prediction file; run its cell again")
    return {
        part: score_file(cell.predictions(part), specs, primary, reference, where=f"{part} set")
        for part in cell.sets
    }


def score_file(
    file: PredictionFile,
    metrics: Sequence[MetricSpec],
    primary: Sequence[str],
    reference: Reference,
    *,
    where: str,
) -> SetMetrics:
    """The metrics of one prediction file; ``where`` names it in errors."""
    higher_is_better = primary_direction(metrics, primary)
    label, mask = file.class_predictions(), file.mask_predictions(reference)
    values: dict[str, Values | None] = {
        "label": _evaluate(label, "classes", metrics, where) if label else None,
        "mask": _evaluate(mask, "binary-mask", metrics, where) if mask else None,
    }
    return {
        "images": len(file.ids),
        "masks": len(mask.ids) if mask else 0,
        "classes": list(file.classes),
        "classes_present": [file.classes[index] for index in np.unique(file.labels)],
        "label": values["label"],
        "label_all_classes": _over_all_classes(label, values["label"]),
        "recall_per_class": per_class_recall(label) if label else None,
        "mask": values["mask"],
        "primary": _primary(values, primary, where),
        "primary_metrics": list(primary),
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


def _evaluate(predictions: object, kind: str, metrics: Sequence[MetricSpec], where: str) -> Values:
    return {spec.name: _value(spec, predictions, where) for spec in metrics if spec.kind == kind}


def _value(spec: MetricSpec, predictions: object, where: str) -> float | None:
    function: Callable[[Any], Any]
    try:
        function = pkgutil.resolve_name(spec.function)
        value = function(predictions)
    except Exception as error:
        raise HarnessError(
            f"metric {spec.name} ({spec.function}) failed on the {where}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if value is None:
        return None
    if not math.isfinite(value):
        raise HarnessError(
            f"metric {spec.name} ({spec.function}) returned {value} on the {where}; "
            "a metric that is not defined returns None"
        )
    return float(value)


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
