"""The metrics of one prediction file while they are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.errors import HarnessError
from harness.metrics.classification import MACRO, all_classes_defined, per_class_recall
from harness.metrics.one_metric import MetricError, value_of
from harness.results.prediction_file import PredictionFile
from harness.results.predictions import ClassPredictions, MaskPredictions, Reference
from harness.results.record import SetMetrics, Values
from harness.specs import TARGET_OF_KIND, MetricSpec


class ScoredSet:
    """One prediction file while it is scored."""

    def __init__(
        self,
        where: str,
        file: PredictionFile,
        reference: Reference,
        primary: Sequence[str],
        plugins: Mapping[str, str],
    ) -> None:
        self._where, self._plugins = where, plugins
        self._primary = tuple(primary)
        self._values: dict[str, Values] = {"label": {}, "mask": {}}
        self._notes: list[str] = []
        self.open(file, reference)
        label, mask = self._label, self._mask
        # All but the metrics in the record is computed from the predictions here, so that it
        # does not depend on what is imported later either.
        self._targets = {"label": label is not None, "mask": mask is not None}
        self._all_classes = all_classes_defined(label) if label is not None else False
        self._images, self._masks = len(file.ids), len(mask.ids) if mask else 0
        self._classes = list(file.classes)
        self._present = [file.classes[index] for index in np.unique(file.labels)]
        self._recall = per_class_recall(label) if label else None

    def open(self, file: PredictionFile, reference: Reference) -> None:
        """Hold the file's predictions, for metrics to be added."""
        self._label: ClassPredictions | None = file.class_predictions()
        self._mask: MaskPredictions | None = file.mask_predictions(reference)

    def close(self) -> None:
        """Let go of the predictions."""
        self._label = self._mask = None

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
            if spec.full_name in self._primary:
                raise
            value = None
            self._notes.append(str(error))
        self._values[target][spec.name] = value

    def record(self, order: Sequence[str], higher_is_better: bool) -> SetMetrics:
        values: dict[str, Values | None] = {
            target: {name: there[name] for name in order if name in there} if held else None
            for target, held in self._targets.items()
            for there in [self._values[target]]
        }
        label = values["label"]
        return {
            "images": self._images,
            "masks": self._masks,
            "classes": self._classes,
            "classes_present": self._present,
            "recall_per_class": self._recall,
            "label": label,
            "label_all_classes": None
            if label is None
            else {
                name: label[name] if self._all_classes else None for name in MACRO if name in label
            },
            "mask": values["mask"],
            "notes": self._notes,
            "primary": _primary(values, self._primary, self._where),
            "primary_metrics": list(self._primary),
            "primary_higher_is_better": higher_is_better,
        }


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
