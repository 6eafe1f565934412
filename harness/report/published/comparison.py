"""Published tables next to ours, row by row."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

from harness.report.published.conditions import differences, sentences
from harness.report.published.impossible import impossible
from harness.report.published.own_values import Figure, figure, speed
from harness.report.published.study import MINUTES, Published, PublishedRow, PublishedTable
from harness.report.table.numbers import UNKNOWN, number
from harness.report.table.rows import Row
from harness.report.table.sections import described_protocol
from harness.specs import MetricSpec
from harness.values.wording import counted

DIFFERENCE = "Δ"
IMPOSSIBLE = "†"
_ONE_METRIC = 44
"""Characters of a metric's three columns and the column of fractions, at most."""


def expected_time(study: Published, ours: Iterable[Row], width: int | None = None) -> str:
    """Hours of training per method: at the published speed, and at that of finished cells here
    whose time is not marked and that ran under the conditions of the published row."""
    rows = [row for table in study.tables for row in table.rows if row.method]
    published = {row.method: row.values[MINUTES] for row in rows if MINUTES in row.values}
    here: dict[str, float] = {}
    every = list(ours)
    for row in rows:
        for own in _answers(row, every) if row.fraction == 1 else ():
            if own and (minutes := speed(own)) and not differences(row, own, study):
                here[own.method] = minutes * study.epochs / 60
    work: dict[str, set[float]] = {}
    for row in rows:
        work.setdefault(str(row.method), set()).add(row.fraction)
    lines = [
        (method, *_hours(published.get(method), study.epochs, fractions), here.get(method))
        for method, fractions in work.items()
    ]
    trained = [line for line in lines if line[1] is not None]
    body = [(method, *map(number, hours)) for method, *hours in lines]
    total = sum(all_ for _, _, all_, _ in trained if all_ is not None)
    table = tabulate(
        body,
        headers=(
            "method",
            "hours published\n(all data)",
            "hours published\n(all fractions)",
            "hours here\n(all data)",
        ),
        colalign=("left", "right", "right", "right"),
        disable_numparse=True,
    )
    unknown = len(lines) - len(trained)
    text = (
        f"{total:.1f} hours of training at the published speed for {len(trained)} of "
        f"{counted(len(lines), 'method')}; for the other {unknown} no speed is published."
    )
    return f"{table}\n\n{wrapped(text, width)}"


def _hours(
    minutes: float | None, epochs: int, fractions: set[float]
) -> tuple[float | None, float | None]:
    if minutes is None:
        return None, None
    hours = minutes * epochs / 60
    return hours, hours * sum(fractions)


def beside(
    study: Published,
    ours: Sequence[Row],
    metrics: Sequence[MetricSpec],
    *,
    markdown: bool = False,
    width: int | None = None,
) -> str:
    """Every published table with our value and the difference after each published one.

    There is no difference where the two are not of one definition, or ran under other conditions,
    and a note says why. Rows whose
    published values contradict each other are marked.

    Args:
        ours: rows of the test set; where several answer to one published row (seeds, protocols),
            each gets a line.
        width: characters of a line of text; a wider table is stacked, metric by metric.
    """
    labels = {spec.full_name: spec.label for spec in metrics}
    labels[MINUTES] = "min/epoch"
    blocks = []
    for table in study.tables:
        title = f"### {table.title}" if markdown else table.title
        lines = [(row, own) for row in table.rows for own in _answers(row, ours)]
        differ = [_differences(row, own, study) for row, own in lines]
        shown = [
            _figures(row, own, study, table, labels, comparable=not found)
            for (row, own), found in zip(lines, differ, strict=True)
        ]
        tables = _tables(study, table, ours, shown, labels, markdown, None if markdown else width)
        said = [
            *table.notes,
            *_impossible(table, study),
            *_why(shown),
            *sentences([" ".join(_label(row, table)) for row, _ in lines], differ),
            *_without(table, ours),
        ]
        notes = "\n".join(wrapped(f"- {note}", width) for note in said)
        blocks += [title, *tables, *([notes] if notes else [])]
    used = sorted({described_protocol(row.protocol) for row in ours})
    who = f"protocol {'; '.join(used)}" if used else "nothing has been run yet"
    blocks.append(wrapped(f"Ours: {who}. {DIFFERENCE} is ours minus published.", width))
    return "\n\n".join(blocks) + "\n"


def _without(table: PublishedTable, ours: Sequence[Row]) -> list[str]:
    """Why rows have no value of ours, in a sentence each."""
    states: dict[str, list[str]] = {}
    for row in table.rows:
        for own in _answers(row, ours) if row.method else ():
            state = "not run" if own is None else f"{own.status} ({own.reason})"
            if own is None or own.status != "ok":
                states.setdefault(state, []).append(str(row.method))
    return [
        f"Ours, {state}: {', '.join(dict.fromkeys(methods))}." for state, methods in states.items()
    ]


def wrapped(text: str, width: int | None) -> str:
    """The text in lines of ``width`` characters, indented but for the first; None: in one line."""
    return textwrap.fill(text, width, subsequent_indent="  ") if width else text


def _impossible(table: PublishedTable, study: Published) -> list[str]:
    """A sentence per row whose values contradict each other."""
    found = ((row, impossible(row, study)) for row in table.rows)
    return [
        f"{IMPOSSIBLE} impossible as printed: {' '.join(_label(row, table))}: {'; '.join(reasons)}."
        for row, reasons in found
        if reasons
    ]


def _why(shown: Iterable[Mapping[str, Figure]]) -> list[str]:
    return list(dict.fromkeys(f.why for figures in shown for f in figures.values() if f.why))


def _differences(row: PublishedRow, own: Row | None, study: Published) -> tuple[str, ...]:
    """Why a finished row may not be compared; empty where it may, or where nothing is."""
    if own is None or own.status != "ok" or not row.values:
        return ()
    return differences(row, own, study)


def _figures(
    row: PublishedRow,
    own: Row | None,
    study: Published,
    table: PublishedTable,
    labels: Mapping[str, str],
    *,
    comparable: bool,
) -> dict[str, Figure]:
    """Our side of a line, by metric."""
    return {
        name: figure(name, row.values.get(name), own, study, table, labels, comparable=comparable)
        for name in _names(table)
    }


def _names(table: PublishedTable) -> list[str]:
    return list(dict.fromkeys([*(name for row in table.rows for name in row.values), *table.also]))


def _tables(
    study: Published,
    table: PublishedTable,
    ours: Sequence[Row],
    shown: Sequence[Mapping[str, Figure]],
    labels: Mapping[str, str],
    markdown: bool,
    width: int | None,
) -> list[str]:
    """One table, or several with the same rows that fit the width."""
    lines = [(row, own) for row in table.rows for own in _answers(row, ours)]
    key = [_key(table), *(_who(row, own, study, table, ours) for row, own in lines)]
    if width is not None:
        # The columns of one metric must fit next to it.
        key = [[textwrap.fill(label, max(width - _ONE_METRIC, 20)), *data] for label, *data in key]
    stacked: list[list[list[str]]] = []
    for name in _names(table):
        group = [[labels.get(name, name), "ours", DIFFERENCE]]
        for (row, _), figures in zip(lines, shown, strict=True):
            own = figures[name]
            group.append([_published(name, row, study), own.text, own.difference])
        wider = [[*a, *b] for a, b in zip(stacked[-1], group, strict=True)] if stacked else []
        if stacked and (width is None or _width(wider) <= width):
            stacked[-1] = wider
        else:
            stacked.append([[*a, *b] for a, b in zip(key, group, strict=True)])
    return [
        tabulate(
            body,
            headers=heads,
            tablefmt="github" if markdown else "simple",
            colalign=["left", *["right"] * (len(heads) - 1)],
            disable_numparse=True,
        )
        for heads, *body in stacked
    ]


def _width(lines: Sequence[Sequence[str]]) -> int:
    # tabulate gives a heading two spaces that a cell does not get.
    widths = [
        max(
            len(lines[0][i]) + 2, *(len(part) for line in lines[1:] for part in line[i].split("\n"))
        )
        for i in range(len(lines[0]))
    ]
    return sum(widths) + 2 * (len(widths) - 1)


def _answers(row: PublishedRow, ours: Sequence[Row]) -> Sequence[Row | None]:
    found = [
        own
        for own in ours
        if own.method == row.method and own.fraction == row.fraction and own.part == "test"
    ]
    return found or [None]


def _fractions(table: PublishedTable) -> bool:
    """Whether its rows are of different fractions of the training data."""
    return len({row.fraction for row in table.rows}) > 1


def _key(table: PublishedTable) -> list[str]:
    return ["published as", "data"] if _fractions(table) else ["published as"]


def _label(row: PublishedRow, table: PublishedTable) -> list[str]:
    return [row.label, f"{100 * row.fraction:g} %"] if _fractions(table) else [row.label]


def _who(
    row: PublishedRow,
    own: Row | None,
    study: Published,
    table: PublishedTable,
    ours: Sequence[Row],
) -> list[str]:
    label, *data = _label(row, table)
    if impossible(row, study):
        label += f" {IMPOSSIBLE}"
    if own is not None and own.one_class:
        label += " [ours: one class only]"
    if own is not None and len(_answers(row, ours)) > 1:
        label += f" [{described_protocol(own.protocol)}, {_run(own)}]"
    return [label, *data]


def _run(own: Row) -> str:
    return f"seed {own.seed}" if own.fold is None else f"seed {own.seed}, fold {own.fold}"


def _published(name: str, row: PublishedRow, study: Published) -> str:
    value = row.values.get(name)
    return UNKNOWN if value is None else f"{value:.{2 if name == MINUTES else study.decimals}f}"
