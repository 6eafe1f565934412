"""The leaderboard: every row of the table, with its interval drawn in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.metrics.intervals import Interval
from harness.report.formats.records import wide
from harness.report.formats.text_columns import shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.private import without_paths
from harness.report.page.blocks.sources import Source
from harness.report.screen.evidence import BOUNDS
from harness.report.screen.text import digits_of, interval_text
from harness.report.table.aggregation import Line, lines
from harness.report.table.column import Column
from harness.report.table.default_columns import key_columns, other_groups
from harness.report.table.notes import notes
from harness.report.table.numbers import mean
from harness.report.table.sections import Section
from harness.report.table.view import View

AGGREGATED = View(aggregate="folds")
PATHS = ("directory", "root")
"""Columns of folders of this machine: a page is passed on."""
LARGEST = 1e6
"""Absolute value that is drawn at most."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
"""Distances between ticks that an axis may have."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A value and its interval, as shares of the axis."""

    at: float
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Ruler:
    """The axis of the drawn intervals."""

    metric: str
    intervals: bool
    """Whether any is known."""
    ticks: Sequence[tuple[float, str]]
    """Share of the axis, and the number there."""
    chance: float | None
    dots: Sequence[Dot | None]
    """One a line."""


def leaderboard(source: Source) -> Chapter:
    """A table for each task, best first, all seeds and folds of a method in one line."""
    blocks = [_block(source, contest.section) for contest in source.setting.contests]
    return Chapter(id=source.id("leaderboard"), title="Leaderboard", blocks=blocks)


def _block(source: Source, section: Section) -> Block:
    everyone = replace(section, rows=tuple(row for row in section.rows if row.status == "ok"))
    found = lines(everyone, AGGREGATED, source.known)
    key = [c for c in key_columns(everyone, source.known) if c.name not in ("seed", "fold")]
    columns = [
        *key,
        *(c for group in other_groups(everyone, source.known, source.metrics) for c in group),
    ]
    columns = [column for column in columns if column.name != "status"]
    metric = everyone.first.primary_metrics[0]
    ruler = _ruler(source, found, metric)
    told = [column for name, column in source.known.items() if name not in PATHS]
    return Block(
        kind="leaderboard",
        id=source.id("leaderboard", section.first.task),
        title=without_paths(section.heading()),
        text=[_explained(source, metric, ruler)],
        drawing=ruler,
        table=Table(
            columns=shown(columns, found),
            values=[[_value(column, line) for column in columns] for line in found],
        ),
        records=[
            {**record, **_ends(source, line, metric)}
            for line, record in zip(found, wide(found, told, AGGREGATED), strict=True)
        ],
        notes=[without_paths(note.text) for note in notes(everyone, source.metrics, AGGREGATED)],
    )


def _explained(source: Source, metric: str, ruler: Ruler) -> str:
    units = "patients (groups of images)" if source.evidence.grouped else "images"
    text = f"Dots: {source.label(metric)}; it has no interval here."
    if ruler.intervals:
        what = f"{source.label(metric)} and its 95 % interval"
        text = f"Dots and bars: {what}, by resampling {units}."
    if ruler.chance is None:
        return text
    return f"{text} Dotted line: always answering the most frequent class."


def _value(column: Column, line: Line) -> str | float | None:
    """What a line is sorted by in a column."""
    numbers = column.numbers(line)
    if numbers and not column.left:
        return mean(numbers)
    text = column.text(line)
    # Two counts in one column: by the first.
    first = text.partition("/")[0]
    return float(first) if not column.left and first.replace(".", "", 1).isdigit() else text


def _ends(source: Source, line: Line, metric: str) -> dict[str, float | None]:
    return {f"{metric}.{end}": value for end, value in source.ends(line, metric).items()}


def _ruler(source: Source, found: Sequence[Line], metric: str) -> Ruler:
    evidence = source.evidence
    values = [evidence.value(line, metric) for line in found]
    intervals = [evidence.interval(line, metric) for line in found]
    chance = evidence.chance(found[0], metric)
    reached = [value for value in values if value is not None]
    reached += [end for one in intervals if one is not None for end in (one.low, one.high)]
    if not reached or max(map(abs, reached)) > LARGEST:
        # No axis can show such values; the table does.
        return Ruler(source.label(metric), False, (), None, [None] * len(found))
    low, high, step = _axis(reached, BOUNDS.get(metric, (0.0, 1.0)))

    def share(value: float) -> float:
        return (value - low) / (high - low)

    def dot(value: float | None, interval: Interval | None) -> Dot | None:
        if value is None:
            return None
        digits = digits_of([interval])
        return Dot(
            at=share(value),
            low=None if interval is None else share(interval.low),
            high=None if interval is None else share(interval.high),
            text=f"{value:.{digits}f} {interval_text(interval, digits)}".strip(),
        )

    ticks = [low + step * index for index in range(round((high - low) / step) + 1)]
    return Ruler(
        metric=source.label(metric),
        intervals=any(one is not None for one in intervals),
        ticks=[(share(tick), f"{tick:g}" if abs(tick) > 1e-9 else "0") for tick in ticks],
        chance=share(chance) if chance is not None and low <= chance <= high else None,
        dots=[dot(value, one) for value, one in zip(values, intervals, strict=True)],
    )


def _axis(reached: Sequence[float], bounds: tuple[float, float]) -> tuple[float, float, float]:
    """Lowest and highest value of an axis that holds the values, and the distance of its ticks."""
    low, high = min(reached, default=bounds[0]), max(reached, default=bounds[1])
    least = max(abs(low), abs(high)) * 1e-6
    step = next((s for s in STEPS if s > least and (high - low) / s <= 4), (high - low) / 4)
    step = step or 1.0
    start, end = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return (start, end, step) if end > start else (start, start + step, step)
