"""The lines of a table: one row each, or the rows of several seeds and folds shown as one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.report.table.catalogue import find
from harness.report.table.column import Column, Value
from harness.report.table.numbers import mean
from harness.report.table.rows import Row
from harness.report.table.sections import Section
from harness.report.table.view import Over, View

Line = tuple[Row, ...]
"""One row, or several that differ in nothing but their seed and fold."""


def lines(section: Section, view: View, known: Mapping[str, Column]) -> list[Line]:
    """The section's rows, joined and sorted as the view says.

    Raises:
        HarnessError: there is no such column to sort by.
    """
    found: list[Line] = [(row,) for row in section.rows]
    if view.aggregate:
        found = _joined(section.rows, view.aggregate)
    return found if view.sort is None else in_order(found, view.sort, known)


def repeated(rows: Iterable[Row]) -> str:
    """What the rows are repetitions over: ``seeds``, ``folds``, or ``folds and seeds``."""
    found = list(rows)
    folds, seeds = ({row.fold for row in found}, {row.seed for row in found})
    words = [*(["folds"] if len(folds) > 1 else []), *(["seeds"] if len(seeds) > 1 else [])]
    return " and ".join(words) or "seeds"


def _joined(rows: Sequence[Row], over: Over) -> list[Line]:
    """Finished rows of equal cells but for the seed, or for seed and fold, the best mean first; a
    row without a result stays alone."""
    groups: dict[str, list[Row]] = {}
    alone: list[Line] = []
    for row in rows:
        if row.status == "ok":
            groups.setdefault(question(row, over), []).append(row)
        else:
            alone.append((row,))
    joined = [
        tuple(sorted(group, key=_repetition))
        for every in groups.values()
        for group in _by_machine(every)
    ]
    return [*sorted(joined, key=_rank), *alone]


def _by_machine(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of repetitions of which each ran once; of several machines where one ran on more."""
    if len(set(map(_repetition, rows))) == len(rows):
        return [list(rows)]
    found: dict[str | None, list[Row]] = {}
    for row in rows:
        found.setdefault(row.machine, []).append(row)
    return list(found.values())


def _repetition(row: Row) -> tuple[int, int]:
    return row.fold or 0, row.seed


def question(row: Row, over: Over) -> str:
    """What a row asks, but for its seed, or for seed and fold: equal for repetitions."""
    # Dataset, set, protocol, split and device are those of the section.
    facts: list[Any] = [
        row.method,
        row.fraction,
        row.settings,
        row.fold if over == "seeds" else None,
        dict(row.changed_params),
        dict(row.deviations),
        [row.weights, row.weights_card, row.weights_digest],
    ]
    return json.dumps(facts, sort_keys=True)


def _rank(line: Line) -> tuple[bool, float, str, float]:
    known = [row.primary for row in line if row.primary is not None]
    score = mean(known) if known else 0.0
    first = line[0]
    return (
        not known,
        -score if first.primary_higher_is_better else score,
        first.method,
        -first.fraction,
    )


def in_order(found: Sequence[Line], sort: str, known: Mapping[str, Column]) -> list[Line]:
    """Lines by a column, or by its mean where a line is of several rows; descending with ``-`` in
    front. What is unknown comes last either way, and equal lines keep their order."""
    column = find(sort.removeprefix("-"), known, f"--sort {sort!r}")
    valued = [(_value(line, column), line) for line in found]
    with_value = [pair for pair in valued if pair[0] is not None]
    with_value.sort(key=_sortable, reverse=sort.startswith("-"))
    return [line for _, line in with_value] + [line for value, line in valued if value is None]


def _sortable(pair: tuple[Value, Line]) -> Any:
    return pair[0]


def _value(line: Line, column: Column) -> Value:
    if column.left:
        return column.value(line[0])
    numbers = column.numbers(line)
    return mean(numbers) if numbers else None
