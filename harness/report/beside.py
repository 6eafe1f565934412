"""Published tables beside ours, row by row."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

from harness.report.figures import UNKNOWN, number
from harness.report.published import MINUTES, Published, PublishedRow, PublishedTable
from harness.report.rows import Row
from harness.report.sections import described_protocol
from harness.results.scoring import TARGET_OF_KIND
from harness.specs import MetricSpec


def expected_time(study: Published, ours: Iterable[Row]) -> str:
    """Hours of training per method: at the published speed, and at that of finished cells here."""
    rows = [row for table in study.tables for row in table.rows if row.method]
    published = {row.method: row.values[MINUTES] for row in rows if MINUTES in row.values}
    here: dict[str, float] = {}
    for own in ours:
        if (minutes := own.timing.get("minutes_per_epoch")) and own.fraction == 1:
            here[own.method] = minutes * own.protocol["epochs"] / 60
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
    return (
        f"{table}\n\n{total:.1f} hours of training at the published speed for {len(trained)} of "
        f"{len(lines)} methods; for the other {unknown} no speed is published."
    )


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
    """Every published table with our figure and the difference behind each published one.

    Args:
        ours: rows of the test set; where several answer to one published row (seeds, protocols),
            each gets a line.
        width: characters of a line of text; a wider table is stacked, metric by metric.
    """
    labels = {f"{TARGET_OF_KIND[spec.kind]}.{spec.name}": spec.label for spec in metrics}
    labels[MINUTES] = "min/epoch"
    blocks = []
    for table in study.tables:
        title = f"### {table.title}" if markdown else table.title
        tables = _tables(table, ours, labels, markdown, None if markdown else width)
        said = [*table.notes, *_without(table, ours)]
        notes = "\n".join(_wrapped(f"- {note}", width) for note in said)
        blocks += [title, *tables, *([notes] if notes else [])]
    used = sorted({described_protocol(row.protocol) for row in ours})
    who = f"protocol {'; '.join(used)}" if used else "nothing has been run yet"
    blocks.append(f"Ours: {who}. ± is ours minus published.")
    return "\n\n".join(blocks) + "\n"


def _without(table: PublishedTable, ours: Sequence[Row]) -> list[str]:
    """Why rows have no figure of ours, in a sentence each."""
    states: dict[str, list[str]] = {}
    for row in table.rows:
        for own in _answers(row, ours) if row.method else ():
            state = "not run" if own is None else f"{own.status} ({own.reason})"
            if own is None or own.status != "ok":
                states.setdefault(state, []).append(str(row.method))
    return [
        f"Ours, {state}: {', '.join(dict.fromkeys(methods))}." for state, methods in states.items()
    ]


def _wrapped(text: str, width: int | None) -> str:
    return textwrap.fill(text, width, subsequent_indent="  ") if width else text


def _tables(
    table: PublishedTable,
    ours: Sequence[Row],
    labels: Mapping[str, str],
    markdown: bool,
    width: int | None,
) -> list[str]:
    """One table, or several with the same rows that fit the width."""
    lines = [(row, own) for row in table.rows for own in _answers(row, ours)]
    fractions = len({row.fraction for row in table.rows}) > 1
    key = [_key(fractions), *(_who(row, own, fractions, ours) for row, own in lines)]
    names = list(dict.fromkeys(name for row in table.rows for name in row.values))
    stacked: list[list[list[str]]] = []
    for name in names:
        group = [[labels.get(name, name), "ours", "±"], *(_cells(name, *line) for line in lines)]
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
    # tabulate gives a head two spaces that a cell does not get.
    widths = [
        max(len(lines[0][i]) + 2, *(len(line[i]) for line in lines[1:]))
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


def _key(fractions: bool) -> list[str]:
    return ["published as", "data"] if fractions else ["published as"]


def _who(row: PublishedRow, own: Row | None, fractions: bool, ours: Sequence[Row]) -> list[str]:
    label = row.label
    if own is not None and len(_answers(row, ours)) > 1:
        label += f" [{described_protocol(own.protocol)}, seed {own.seed}]"
    return [label, f"{100 * row.fraction:g} %"] if fractions else [label]


def _cells(name: str, row: PublishedRow, own: Row | None) -> list[str]:
    published = row.values.get(name)
    figure = None
    if own is not None:
        figure = own.timing.get("minutes_per_epoch") if name == MINUTES else own.metric(name)
    digits = 2 if name == MINUTES else 4
    shown = [UNKNOWN if v is None else f"{v:.{digits}f}" for v in (published, figure)]
    if published is None or figure is None:
        return [*shown, UNKNOWN]
    return [*shown, f"{figure - published:+.{digits}f}"]
