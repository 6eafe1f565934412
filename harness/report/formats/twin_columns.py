"""The table that compares multitask methods with single-task ones, column by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.report.formats.text_columns import Shown
from harness.report.table.column import Column, marked_name_of
from harness.report.table.numbers import UNKNOWN
from harness.report.table.rows import Row
from harness.report.table.sections import Section
from harness.report.table.twins import Pair, count_text, metric_labels
from harness.results.browse.decimals import decimals
from harness.specs import MetricSpec

HEADING = "Compared with single-task methods"


def twin_columns(
    section: Section, found: Sequence[Pair], metrics: Sequence[MetricSpec], speed: Column
) -> tuple[list[Shown], list[list[Shown]]]:
    """The columns that identify pairs, and in groups those about each pair.

    Args:
        speed: the column of what an epoch takes.
    """
    labels = metric_labels(metrics)

    def column(head: str, text: Callable[[Pair], str], left: bool = False) -> Shown:
        return Shown(head, [text(pair) for pair in found], left)

    def taken(row: Row | None) -> str:
        return UNKNOWN if row is None else speed.text([row])

    return [
        column("method", lambda pair: section.marked_name_of(pair.row), left=True),
        column("metric", lambda pair: labels.get(pair.metric, pair.metric), left=True),
    ], [
        [
            column("value", lambda pair: decimals(pair.values[0])),
            column("single-task method", _twin_name, left=True),
            column("its\nvalue", lambda pair: decimals(pair.values[1])),
            column("Δ", lambda pair: _difference(pair.compared.difference)),
            column("common\nimages", lambda pair: count_text(pair.compared.images)),
        ],
        [
            column("trained\non", _trained),
            column(speed.head, lambda pair: taken(pair.row)),
            column(f"its {speed.head}", lambda pair: taken(pair.twin)),
        ],
    ]


def _twin_name(pair: Pair) -> str:
    return marked_name_of(pair.twin) if pair.twin else f"{pair.twin_id}: not run"


def _trained(pair: Pair) -> str:
    return "/".join(map(count_text, pair.trained[0])) or UNKNOWN


def _difference(value: float | None) -> str:
    return decimals(value, signed=True)
