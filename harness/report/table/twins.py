"""A multitask method compared with the single-task methods that do half of its work each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.table.common_images import Compared, compare, trained_on
from harness.report.table.numbers import UNKNOWN
from harness.report.table.rows import Row
from harness.report.table.sections import Section
from harness.specs import TARGET_OF_KIND, MetricSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One target of one row, and the row that has this target alone."""

    row: Row
    metric: str
    """``target.metric``, from what the row is ranked by."""
    twin_id: str
    twin: Row | None
    """None where the same study has no finished one."""
    compared: Compared

    @property
    def values(self) -> tuple[float | None, float | None]:
        """The metric of the row and of its twin, over the images of both; where there are none, the
        row's own and None."""
        if self.compared.images is None:
            return self.row.metric(self.metric), None
        return self.compared.values

    @property
    def trained(self) -> tuple[list[int | None], bool | None]:
        """Images (of the mask target: masks) that the row and its twin were trained on, and whether
        they are the same ones."""
        if self.twin is None:
            return [], None
        return trained_on([self.row, self.twin], self.metric.partition(".")[0])

    def to_json(self) -> dict[str, Any]:
        own, other = self.values
        counts, same = self.trained
        return {
            "method": self.row.method,
            "seed": self.row.seed,
            "fold": self.row.fold,
            "fraction": self.row.fraction,
            "metric": self.metric,
            "value": own,
            "twin": self.twin_id,
            "twin_value": other,
            "difference": self.compared.difference,
            "images": self.compared.images,
            "reason": self.compared.reason or None,
            "trained_on": counts or None,
            "trained_on_the_same": same,
            "twin_directory": self.twin and self.twin.directory,
        }


def pairs(section: Section, every: Iterable[Row], metrics: Sequence[MetricSpec]) -> list[Pair]:
    """The section's finished rows with twins, target by target.

    A twin is of the same dataset, set, protocol, device, seed, fold, fraction and way of splitting;
    of several, one of the same split comes first.
    """
    found: dict[tuple[object, ...], Row] = {}
    for row in every:
        if row.status == "ok":
            found[(row.method, *_same(row))] = row
            found[(row.method, row.split, *_same(row))] = row

    def pair(row: Row, metric: str, twin_id: str) -> Pair:
        twin = found.get((twin_id, row.split, *_same(row))) or found.get((twin_id, *_same(row)))
        compared = Compared(reason="not run")
        if twin is not None:
            compared = compare(row, twin, metric, metrics)
        return Pair(row=row, metric=metric, twin_id=twin_id, twin=twin, compared=compared)

    return [
        pair(row, metric, twin_id)
        for row in section.rows
        if row.status == "ok"
        for metric in row.primary_metrics
        if (twin_id := row.twins.get(metric.partition(".")[0]))
    ]


def _same(row: Row) -> tuple[object, ...]:
    return (
        row.fingerprint,
        row.part,
        tuple(sorted(row.protocol.items())),
        row.device,
        row.precision,
        row.seed,
        row.fold,
        row.fraction,
        row.selected_on_test,
    )


def twin_notes(section: Section, found: Sequence[Pair], metrics: Sequence[MetricSpec]) -> list[str]:
    """What Δ is, why some pairs have none, and which were trained on different images."""
    labels = metric_labels(metrics)
    said = ["Δ is the value minus the single-task method's, both over the common images."]
    for pair in found:
        if pair.twin is None:
            continue
        who = f"{section.name_of(pair.row)} and {pair.twin_id}"
        if pair.compared.images is None:
            said.append(
                f"No Δ of {labels.get(pair.metric, pair.metric)} for {who}: {pair.compared.reason}."
            )
        counts, same = pair.trained
        if same is False:
            what = "masks" if pair.metric.startswith("mask.") else "images"
            said.append(
                f"{who} were trained on different {what}: {count_text(counts[0])} and "
                f"{count_text(counts[1])}."
            )
    return said


def metric_labels(metrics: Sequence[MetricSpec]) -> dict[str, str]:
    """``target.metric`` -> the metric's label."""
    return {spec.full_name: spec.label for spec in metrics if spec.kind in TARGET_OF_KIND}


def count_text(count: int | None) -> str:
    """A number of images as it is written; a dash where it is unknown."""
    return UNKNOWN if count is None else str(count)
