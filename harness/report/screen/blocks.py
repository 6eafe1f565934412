"""A task on the screen: its best methods with interval and bar, and a line on all others."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from harness.metrics.intervals import Interval
from harness.report.screen.bar import WIDTH as BAR
from harness.report.screen.bar import Axis
from harness.report.screen.contest import Contest
from harness.report.screen.evidence import BOUNDS, Evidence
from harness.report.screen.text import (
    ELLIPSIS,
    WIDTH,
    digits_of,
    interval_text,
    left,
    listed,
    right,
    shortened,
)
from harness.report.table.aggregation import Line
from harness.report.table.numbers import percent
from harness.results.browse.decimals import decimals
from harness.specs import MetricSpec
from harness.values.wording import counted

NAME = 25
INTERVAL = 17
ONE_CLASS = "one class only"
BASELINE = "baseline"
"""Family of the methods that others must beat."""


class Block:
    """The lines of one contest."""

    def __init__(self, contest: Contest, evidence: Evidence, metrics: Sequence[MetricSpec]) -> None:
        self._contest, self._evidence = contest, evidence
        labels = {spec.full_name: spec.label for spec in metrics}
        self._labels = {name: labels.get(name, name) for name in contest.metrics}
        self._metric = contest.metrics[0]
        best = contest.lines[0]
        self._digits = {
            name: digits_of([evidence.interval(best, name)]) for name in contest.metrics
        }

    def full(self, shown: int) -> list[str]:
        """A heading with an axis, so many methods with a bar, and a line on the others."""
        lines = self._contest.lines
        axis = self._axis()
        body = [self._drawn(line, axis) for line in lines[:shown]]
        rest = lines[shown:]
        return [self._heading(axis), *body, *([self._others(rest)] if rest else [])]

    def brief(self) -> list[str]:
        """A heading, and the best method with its other metrics and the range of the others."""
        best, *rest = self._contest.lines
        facts = [f"{self._labels[n]} {self._value(best, n)}" for n in self._contest.metrics[1:]]
        if any(row.one_class for row in best):
            facts.insert(0, ONE_CLASS)
        more = [f"{len(rest)} more"] if rest else []
        ranged = [f"{len(rest)} more{self._range(rest)}"] if rest else []
        texts = ["; ".join(parts) for parts in ([*facts, *ranged], [*facts, *more], facts, more)]
        fitting = next((text for text in texts if cell_len(text) <= BAR), "")
        return [self._heading(None), f"{self._figures(best)}{fitting}".rstrip()]

    def _heading(self, axis: Axis | None) -> str:
        interval = self._evidence.interval(self._contest.lines[0], self._metric)
        label = shortened(self._labels[self._metric], NAME)
        head = f"{left(self._title(), NAME + 9 - cell_len(label))} {label}"
        head += f"  {'95 % interval' if interval else '':{INTERVAL}}"
        return f"{head}{axis.heading() if axis else ''}".rstrip()

    def _title(self) -> str:
        contest = self._contest
        words = [contest.task]
        several = contest.section.varies("fraction")
        # Where few images of the set have a mask, the value rests on these.
        masks = contest.masks
        of_masks = self._metric.startswith("mask.")
        if of_masks and masks is not None and masks < self._evidence.images:
            words.append(counted(masks, "mask"))
        if contest.section.told_folds:
            words.append(contest.section.told_folds)
        if contest.seeds > 1:
            words.append(f"{contest.seeds} seeds")
        elif not contest.section.told_folds and not several and len(words) == 1:
            words.append("one seed")
        if several:
            words.append(f"{percent(contest.fraction)} of data")
        return ", ".join(words)

    def _axis(self) -> Axis | None:
        low, high = BOUNDS.get(self._metric, (0.0, 1.0))
        values = [self._evidence.value(line, self._metric) for line in self._contest.lines]
        known = [value for value in values if value is not None]
        if not known or min(known) < low or max(known) > high:
            return None
        chance = self._evidence.chance(self._contest.lines[0], self._metric)
        return Axis(low=low, high=high, chance=chance)

    def _drawn(self, line: Line, axis: Axis | None) -> str:
        value = self._evidence.value(line, self._metric)
        bar = ""
        if any(row.one_class for row in line):
            bar = ONE_CLASS
        elif axis is not None and value is not None:
            bar = axis.draw(value, self._interval(line))
        return f"{self._figures(line)}{bar}".rstrip()

    def _figures(self, line: Line) -> str:
        name, digits = left(self._contest.fitting(line, NAME), NAME), self._digits[self._metric]
        value = right(self._value(line, self._metric), 6)
        return f" ●  {name}{value}  {interval_text(self._interval(line), digits):{INTERVAL}}"

    def _interval(self, line: Line) -> Interval | None:
        return self._evidence.interval(line, self._metric)

    def _value(self, line: Line, metric: str) -> str:
        return decimals(self._evidence.value(line, metric), self._digits[metric])

    def _range(self, rest: Sequence[Line]) -> str:
        known = [line for line in rest if self._evidence.value(line, self._metric) is not None]
        ends = sorted({self._value(line, self._metric) for line in known}, key=float)
        if not ends:
            return ""
        return f" at {ends[0]}" if len(ends) == 1 else f", {ends[0]} to {ends[-1]}"

    def _others(self, rest: Sequence[Line]) -> str:
        """How many, their range, the baselines among them, and who predicts one class only."""
        text = f" {ELLIPSIS}  {len(rest)} more{self._range(rest)}"
        named = [
            f"{self._contest.short(line)} {self._value(line, self._metric)}"
            for line in rest
            if line[0].family == BASELINE
        ]
        if named:
            text += f"; {listed(named, WIDTH - len(text) - 2)}"
        constant = [line for line in rest if any(row.one_class for row in line)]
        verb = "predicts" if len(constant) == 1 else "predict"
        said = f"; {len(constant)} {verb} one class only" if constant else ""
        return text + said if len(text + said) <= WIDTH else text
