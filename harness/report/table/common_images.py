"""Two rows compared on the images that both were scored on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.metrics.one_metric import is_own, value_of
from harness.report.table.rows import Row
from harness.results.predictions import ClassPredictions
from harness.results.rundir import CellDirectory
from harness.specs import MetricSpec
from harness.values.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A metric of two rows over the same images."""

    values: tuple[float | None, float | None] = (None, None)
    images: int | None = None
    """How many; None where the two cannot be compared."""
    reason: str = ""
    """Why not."""

    @property
    def difference(self) -> float | None:
        """The first value minus the second."""
        own, other = self.values
        return None if own is None or other is None else own - other


def compare(own: Row, other: Row, metric: str, metrics: Sequence[MetricSpec]) -> Compared:
    """``target.metric`` of both rows, from their prediction files, over the images in both.

    Where a file has images that the other has not, the metric is computed anew over the common ones
    if it is the harness's and of classes; one of masks would need the reference masks, which no
    record holds, and the module of a plugin's could change every value that follows.
    """
    target = metric.partition(".")[0]
    try:
        ids = [CellDirectory(Path(r.directory)).scored_ids(r.part, target) for r in (own, other)]
    except HarnessError as error:
        return Compared(reason=f"no predictions to compare ({error})")
    common = set(ids[0]) & set(ids[1])
    if len(common) == len(ids[0]) == len(ids[1]):
        return Compared(values=(own.metric(metric), other.metric(metric)), images=len(common))
    counts = f"{len(ids[0])} and {counted(len(ids[1]), 'image')}, {len(common)} in common"
    if not common:
        return Compared(reason=f"scored on different images: {counts}")
    spec = _spec(metric, metrics)
    if target != "label" or spec is None:
        return Compared(
            reason=f"scored on different images ({counts}), and the records do not hold what "
            "scoring the common ones takes"
        )
    if not is_own(spec):
        return Compared(
            reason=f"scored on different images ({counts}), and a report computes no metric of a "
            f"plugin: {spec.name} of the common ones is not known"
        )
    try:
        first, second = (_value(row, spec, common) for row in (own, other))
    except HarnessError as error:
        return Compared(reason=f"no predictions to compare ({error})")
    return Compared(values=(first, second), images=len(common))


def _spec(metric: str, metrics: Sequence[MetricSpec]) -> MetricSpec | None:
    known = {spec.full_name: spec for spec in metrics}
    return known.get(metric)


def _value(row: Row, spec: MetricSpec, images: set[str]) -> float | None:
    found = CellDirectory(Path(row.directory)).predictions(row.part).class_predictions()
    if found is None:
        raise HarnessError(f"{row.directory} holds no predicted classes")
    kept = np.array([image in images for image in found.ids])
    part = ClassPredictions(
        ids=tuple(image for image in found.ids if image in images),
        labels=found.labels[kept],
        probabilities=found.probabilities[kept],
        classes=found.classes,
    )
    return value_of(spec, part, f"{row.part} set")


def trained_on(rows: Sequence[Row], target: str) -> tuple[list[int | None], bool | None]:
    """How many images (or masks) of the target each row was trained on, and whether they are the
    same ones; None where the records do not tell."""
    parts: list[Mapping[str, object]] = [{**row.images.get("train", {})} for row in rows]
    what, which = ("masks", "mask_ids") if target == "mask" else ("images", "ids")
    counts = [count if isinstance(count := part.get(what), int) else None for part in parts]
    digests = [part.get(which) for part in parts]
    if None not in digests:
        return counts, len(set(digests)) == 1
    if None in counts or len(set(counts)) > 1 or len({row.split for row in rows}) > 1:
        return counts, None if None in counts else False
    return counts, None
