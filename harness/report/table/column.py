"""A column of a table, as values and as people read them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from harness.metrics.one_class import ONE_CLASS
from harness.report.table.numbers import UNKNOWN, mean, mean_and_range, number
from harness.report.table.quiet_timing import Time, mark, worst
from harness.report.table.rows import Row
from harness.results.browse.decimals import decimals
from harness.results.browse.network_title import named
from harness.specs import TARGET_OF_KIND, MetricSpec

Value = str | bool | int | float | None
"""What CSV and JSON hold; None is unknown."""

_SEVERAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "params,mtrain/all": ("parameters_trainable", "parameters_total"),
        "params,m": ("parameters_trainable", "parameters_total"),
        "imagestrain/test": ("images_train", "images"),
        "maskstrain/test": ("masks_train", "masks"),
    }
)
"""Headings that tables have for two columns -> their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    """How commands, CSV and JSON call it; never changes."""
    head: str
    """Of one line or more, for people."""
    value: Callable[[Row], Value]
    """In the unit of ``docs/reports.md``, unrounded."""
    shown: Callable[[Row], str] | None = None
    """How people read it, where that is more than the value."""
    figure: Callable[[float], str] = number
    """How a number is written."""
    figure_of_mean: Callable[[float], str] | None = None
    """How a mean and its range are written, where that is shorter."""
    left: bool = False
    """Text, aligned to the left."""
    measured: bool = False
    """A value that may differ between seeds: what ``--aggregate`` takes the mean of."""
    blocks: tuple[str, ...] = ()
    """The timed blocks that the value was computed from; it is marked where other work held one of
    them up."""
    time: Time = "wall"
    """What it counts, where it was timed."""
    higher_is_better: bool | None = None
    """Of a score, which values are the better ones; None of anything else, and where no installed
    metric says it."""

    def text(self, rows: Sequence[Row]) -> str:
        """What people read for one row, or for several that are shown as one."""
        if len(rows) == 1 or not self.measured:
            return ", ".join(dict.fromkeys(map(self._of_one, rows)))
        if not (numbers := self.numbers(rows)):
            return UNKNOWN
        text = mean_and_range(numbers, self.figure_of_mean or self.figure)
        return text + self._mark(rows, text)

    def numbers(self, rows: Iterable[Row]) -> list[float]:
        """The known values of the rows, where these are numbers; none of timings of several
        machines, which have no mean."""
        rows = tuple(rows)
        if self.blocks and len({row.machine for row in rows}) > 1:
            return []
        return [
            float(value)
            for row in rows
            if isinstance(value := self.value(row), int | float) and not isinstance(value, bool)
        ]

    def best(self, found: Sequence[Sequence[Row]]) -> frozenset[int]:
        """Positions of the lines with the best score, each of one row or of several: all that read
        the same as the best. None in a column that is no score, or with fewer than two values."""
        if self.higher_is_better is None:
            return frozenset()
        values = map(self.numbers, found)
        means = {line: mean(numbers) for line, numbers in enumerate(values) if numbers}
        if len(means) < 2:
            return frozenset()
        written = self.figure
        if self.figure_of_mean is not None and any(len(rows) > 1 for rows in found):
            written = self.figure_of_mean
        top = written(max(means.values()) if self.higher_is_better else min(means.values()))
        return frozenset(line for line, value in means.items() if written(value) == top)

    def _of_one(self, row: Row) -> str:
        if self.shown is not None:
            return self.shown(row)
        value = self.value(row)
        if value is None:
            return UNKNOWN
        if isinstance(value, bool):
            return "yes" if value else "no"
        text = value if isinstance(value, str) else self.figure(value)
        return text + self._mark([row], text)

    def _mark(self, rows: Iterable[Row], text: str) -> str:
        if not self.blocks or text == UNKNOWN:
            return ""
        return worst(self.mark(row) for row in rows if self.value(row) is not None)

    def mark(self, row: Row) -> str:
        """``*`` after a value of the row that other work has held up, ``?`` where no record says
        whether it has; nothing after any other."""
        return mark(row, self.blocks, self.time) if self.blocks else ""

    def undisturbed(self, row: Row) -> float | None:
        """The value, where it may be compared with another; None where it is unknown or marked."""
        numbers = self.numbers([row])
        return numbers[0] if numbers and not self.mark(row) else None


def metric_columns(rows: Sequence[Row], metrics: Sequence[MetricSpec]) -> list[Column]:
    """A column per metric, those of the specs first, then what rows have besides."""
    labels = {spec.full_name: spec.label for spec in metrics if spec.kind in TARGET_OF_KIND}
    for row in rows:
        for target, values in (("label", row.label), ("mask", row.mask)):
            labels.update((f"{target}.{n}", n) for n in values if f"{target}.{n}" not in labels)
    higher = {spec.full_name: spec.higher_is_better for spec in metrics}
    return [_metric_column(name, label, higher.get(name)) for name, label in labels.items()]


def _metric_column(name: str, label: str, higher_is_better: bool | None) -> Column:
    """The column of ``target.metric``, four decimals, three where it is a mean over seeds."""
    return Column(
        name=name,
        head=label.replace(" ", "\n", 1) if len(label) > 8 else label,
        value=lambda row: row.metric(name),
        figure=decimals,
        figure_of_mean=partial(decimals, digits=3),
        measured=True,
        higher_is_better=higher_is_better,
    )


def name_of(row: Row) -> str:
    """The method's id, whether a small network replaces it, and the parameters that were changed:
    ``x/net (small) [head=study]``."""
    name = named(row.method, small=row.small, weights=row.weights)
    changes = changes_of(row)
    return f"{name} [{changes}]" if changes else name


def marked_name_of(row: Row) -> str:
    """The same as a table shows it: a row whose method predicts one class only says so."""
    return f"{name_of(row)} {ONE_CLASS}" if row.one_class else name_of(row)


def changes_of(row: Row) -> str | None:
    """``head=study, width=2``; None where no parameter was changed."""
    changes = (
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, (_, value) in row.changed_params.items()
    )
    return ", ".join(changes) or None


def columns_called(text: str, known: Mapping[str, Column]) -> list[str]:
    """The names of the columns whose heading this is, or whose name is this behind its dot; upper
    and lower case, blanks and hyphens do not matter."""
    wanted = _plain(text)
    if wanted in _SEVERAL:
        return list(_SEVERAL[wanted])
    return [
        name
        for name, column in known.items()
        if wanted in (_plain(name), _plain(name.partition(".")[2]), _plain(column.head))
    ]


def _plain(text: str) -> str:
    """Without what a table adds to a heading: line breaks, and the classes of a macro average."""
    one_line = re.sub(r"\d+ of \d+\s+classes", "", text.replace("\n", " "))
    return re.sub(r"[\s_\-]", "", one_line).lower()
