"""Metrics of the validation part: after every epoch by torchmetrics, or once by the functions that
also score the final predictions.

The final metrics come from the stored predictions (:mod:`harness.metrics`); a test holds both
equal. A metric that torchmetrics does not serve here is computed by its own spec's function.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.errors import HarnessError
from harness.metrics.scoring import score_file
from harness.results.packed_masks import unpack_masks
from harness.results.prediction_file import PredictionFile
from harness.results.predictions import Reference
from harness.results.record import SetMetrics
from harness.specs import MetricSpec

SERVED = frozenset({"label.f1", "label.accuracy", "mask.dice"})
"""Metrics that are computed here, from hard predictions."""


def validation_metrics(
    file: PredictionFile,
    metrics: Sequence[MetricSpec],
    primary: Sequence[str],
    reference: Reference,
) -> dict[str, float]:
    """Of a method that trains by epochs: ``label.f1``, ``label.accuracy`` and ``mask.dice`` where
    the file has such a target, and ``primary``, the mean of the primary metrics.

    Raises:
        HarnessError: a primary metric is not defined on the validation part.
    """
    from harness.cell.epoch_metrics import accuracy, macro_f1, mean_dice

    values: dict[str, float] = {}
    if file.probabilities is not None:
        values["label.f1"] = macro_f1(file.probabilities, file.labels)
        values["label.accuracy"] = accuracy(file.probabilities, file.labels)
    masks = file.mask_predictions(reference)
    if masks is not None and masks.ids:
        values["mask.dice"] = mean_dice(
            unpack_masks(masks.predicted_bits, masks.grid),
            unpack_masks(masks.reference_bits, masks.grid),
        )
    if all(name in values for name in primary):
        values["primary"] = sum(values[name] for name in primary) / len(primary)
        return values
    return {**values, "primary": _scored(file, metrics, primary, primary, reference)[1]}


def fitted_metrics(
    file: PredictionFile,
    metrics: Sequence[MetricSpec],
    primary: Sequence[str],
    reference: Reference,
) -> dict[str, float]:
    """As :func:`validation_metrics`, of a method that trains itself and is scored once."""
    score, mean = _scored(file, metrics, {*SERVED, *primary}, primary, reference)
    values = {
        f"{target}.{name}": value
        for target, found in (("label", score["label"]), ("mask", score["mask"]))
        for name, value in (found or {}).items()
        if value is not None and f"{target}.{name}" in SERVED
    }
    return {**values, "primary": mean}


def _scored(
    file: PredictionFile,
    metrics: Sequence[MetricSpec],
    names: Collection[str],
    primary: Sequence[str],
    reference: Reference,
) -> tuple[SetMetrics, float]:
    """The named metrics by their specs' functions, and the mean of the primary ones."""
    chosen = [metric for metric in metrics if metric.full_name in names]
    score = score_file(file, chosen, primary, reference, where="validation part")
    if score["primary"] is None:
        raise HarnessError(
            f"{' and '.join(primary)} is not defined on the validation part of {len(file.ids)} "
            "images, so no epoch can be selected; give a split with more of them"
        )
    return score, score["primary"]
