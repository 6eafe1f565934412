"""A multitask method beside the single-task methods that do one half of its work each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.columns import name_of
from harness.report.figures import UNKNOWN, number
from harness.report.page import Shown
from harness.report.rows import Row
from harness.report.sections import Section
from harness.results.scoring import TARGET_OF_KIND
from harness.specs import MetricSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One target of one row, and the row that has this target alone."""

    row: Row
    metric: str
    """``target.metric``, from what the row is ranked by."""
    twin_id: str
    twin: Row | None
    """None where the same study has no finished one."""

    @property
    def values(self) -> tuple[float | None, float | None]:
        """The metric of the row and of its twin."""
        other = None if self.twin is None else self.twin.metric(self.metric)
        return self.row.metric(self.metric), other

    @property
    def images(self) -> tuple[int | None, int | None]:
        """How many images each metric is over."""
        return self._count(self.row), self._count(self.twin)

    def _count(self, row: Row | None) -> int | None:
        part = None if row is None else row.images.get(row.part)
        if part is None:
            return None
        return part["masks" if self.metric.startswith("mask.") else "images"]

    def to_json(self) -> dict[str, Any]:
        own, other = self.values
        return {
            "method": self.row.method,
            "seed": self.row.seed,
            "fraction": self.row.fraction,
            "metric": self.metric,
            "value": own,
            "twin": self.twin_id,
            "twin_value": other,
            "twin_directory": self.twin and self.twin.directory,
        }


def pairs(section: Section, every: Iterable[Row]) -> list[Pair]:
    """The section's finished rows with twins, target by target.

    A twin is of the same dataset, set, protocol, device, seed, fraction and way of splitting.
    """
    found = {(row.method, *_same(row)): row for row in every if row.status == "ok"}
    return [
        Pair(row=row, metric=metric, twin_id=twin, twin=found.get((twin, *_same(row))))
        for row in section.rows
        if row.status == "ok"
        for metric in row.primary_metrics
        if (twin := row.twins.get(metric.partition(".")[0]))
    ]


def _same(row: Row) -> tuple[object, ...]:
    return (
        row.fingerprint,
        row.part,
        tuple(sorted(row.protocol.items())),
        row.device,
        row.precision,
        row.seed,
        row.fraction,
        row.selected_on_test,
    )


def twin_columns(
    section: Section, found: Sequence[Pair], metrics: Sequence[MetricSpec]
) -> tuple[list[Shown], list[list[Shown]]]:
    """What tells pairs apart, and in groups what is said of each."""
    labels = {
        f"{TARGET_OF_KIND[spec.kind]}.{spec.name}": spec.label
        for spec in metrics
        if spec.kind in TARGET_OF_KIND
    }

    def column(head: str, text: Callable[[Pair], str], left: bool = False) -> Shown:
        return Shown(head, [text(pair) for pair in found], left)

    return [
        column("method", lambda pair: section.name_of(pair.row), left=True),
        column("metric", lambda pair: labels.get(pair.metric, pair.metric), left=True),
    ], [
        [
            column("value", lambda pair: _figure(pair.values[0])),
            column("single-task method", _twin_name, left=True),
            column("its\nvalue", lambda pair: _figure(pair.values[1])),
            column("±", lambda pair: _difference(*pair.values)),
        ],
        [
            column("images", _image_counts),
            column("min/\nepoch", lambda pair: _minutes(pair.row)),
            column("its min/\nepoch", lambda pair: _minutes(pair.twin)),
        ],
    ]


def _twin_name(pair: Pair) -> str:
    return name_of(pair.twin) if pair.twin else f"{pair.twin_id}: not run"


def _image_counts(pair: Pair) -> str:
    return "/".join(UNKNOWN if count is None else str(count) for count in pair.images)


def _minutes(row: Row | None) -> str:
    return number(None if row is None else row.timing.get("minutes_per_epoch"))


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"


def _difference(own: float | None, other: float | None) -> str:
    return UNKNOWN if own is None or other is None else f"{own - other:+.4f}"
