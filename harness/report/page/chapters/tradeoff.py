"""Score against cost: what a method gains for what it takes, and the methods that none beats in
both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.charts import chart, quantity, tooltip
from harness.report.page.blocks.sketch import sketch
from harness.report.page.blocks.sources import Source
from harness.report.screen.contest import Contest
from harness.report.table.aggregation import Line
from harness.report.table.column import Column
from harness.report.table.default_columns import speed_columns
from harness.report.table.numbers import mean, number
from harness.results.browse.decimals import decimals
from harness.values.wording import counted

AT_THE_LEFT = "scale('x', datum.cost) < 230"
"""Whether a name has no room before its point."""
APART = 0.06
"""Share of the range of scores that lies between two names at least."""


def tradeoff(source: Source) -> Chapter:
    """For each task, the primary metric against an epoch's time and against latency."""
    blocks = []
    for contest in source.setting.contests:
        names = speed_columns(contest.section)
        costs = [(source.known[names[0]], 60.0, "epoch"), (source.known[names[2]], 1.0, "latency")]
        blocks += [_block(source, contest, column, unit, what) for column, unit, what in costs]
    return Chapter(
        id=source.id("cost"), title="Score against time", blocks=blocks, side_by_side=True
    )


def _block(source: Source, contest: Contest, column: Column, unit: float, what: str) -> Block:
    metric = contest.metrics[0]
    lines = [line for line in contest.lines if not any(row.one_class for row in line)]
    machine = _most_frequent(lines)
    priced = [
        (line, _price(line, column, unit))
        for line in lines
        if {row.machine for row in line} == {machine}
    ]
    known = [
        (line, price)
        for line, price in priced
        if price is not None and source.evidence.value(line, metric) is not None
    ]
    by_cpu = column.time == "cpu"
    title = {"epoch": "seconds per epoch", "latency": "latency of one image, ms"}[what]
    title = f"CPU {title}" if by_cpu and what == "epoch" else title
    title = "latency of one image, CPU ms" if by_cpu and what == "latency" else title
    label = source.label(metric)
    heading = f"{contest.task}: {label} against {title}"
    if len(known) < 2:
        few = "Fewer than two methods were timed with the machine to themselves."
        return Block(title=heading, text=[few])
    points = [_point(source, contest, line, price) for line, price in known]
    better = contest.lines[0][0].primary_higher_is_better
    _mark_front(points, higher_is_better=better)
    _mark_labels(points)
    left_out = len(contest.lines) - len(known)
    return Block(
        kind="chart",
        id=source.id("cost", what, contest.task),
        title=heading,
        text=[
            f"Of the {len(known)} methods drawn, none is both faster and better than one on the "
            "dashed line (the Pareto front)."
        ],
        sketch=sketch(
            points,
            [str(point["method"]) for point in points],
            ("cost", title),
            ("value", label),
            joined=False,
            logarithmic=_spread(points),
        ),
        chart=_spec(points, _families(source), label, title, higher_is_better=better),
        table=Table(
            columns=[
                Shown("method", [str(p["method"]) for p in points], left=True),
                Shown(label, [decimals(_float(p["value"])) for p in points]),
                Shown(title, [number(_float(p["cost"])) for p in points]),
                Shown("on the front", ["yes" if p["front"] else "" for p in points], left=True),
            ]
        ),
        folded=True,
        records=points,
        notes=_notes(left_out, what, machine, several=len(contest.section.machines) > 1),
    )


def _families(source: Source) -> list[str]:
    """Those of the whole page, so that each has one colour on it."""
    return sorted({row.family for row in source.every})


def _most_frequent(lines: Sequence[Line]) -> str | None:
    """The machine that most methods were timed on: timings of others are not compared with its."""
    found = Counter(row.machine for line in lines for row in line)
    return max(sorted(found, key=str), key=lambda machine: found[machine], default=None)


def _notes(left_out: int, what: str, machine: str | None, *, several: bool) -> list[str]:
    if not left_out:
        return []
    why = "not trained" if what == "epoch" else "not timed"
    other = f", on another machine than {machine}" if several else ""
    ways = f"{why}, timed beside other work{other}, or of one class only"
    return [f"Not shown: {counted(left_out, 'method')} {ways}."]


def _price(line: Line, column: Column, unit: float) -> float | None:
    """The mean over seeds; None where a seed's is unknown or was disturbed."""
    found = [column.undisturbed(row) for row in line]
    known = [value for value in found if value is not None]
    return mean(known) * unit if known and len(known) == len(found) else None


def _point(source: Source, contest: Contest, line: Line, price: float) -> Record:
    metric = contest.metrics[0]
    return {
        "method": source.name(line),
        "family": line[0].family,
        "value": source.evidence.value(line, metric),
        **source.ends(line, metric),
        "cost": price,
    }


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _mark_front(points: Sequence[Record], *, higher_is_better: bool) -> None:
    """Add to each point whether it is on the Pareto front."""
    sign = 1.0 if higher_is_better else -1.0

    def score(point: Record) -> float:
        value = _float(point["value"])
        return float("-inf") if value is None else sign * value

    def cost(point: Record) -> float:
        return _float(point["cost"]) or 0.0

    for point in points:
        point["front"] = not any(
            (cost(other) <= cost(point) and score(other) >= score(point))
            and (cost(other) < cost(point) or score(other) > score(point))
            for other in points
        )


def _mark_labels(points: Sequence[Record]) -> None:
    """Add to each point what is written beside it: names of the front, the best first, as far as
    they do not cover each other."""
    values = [value for point in points if (value := _float(point["value"])) is not None]
    apart = (max(values) - min(values)) * APART
    written: list[float] = []
    for point in points:
        value = _float(point["value"])
        free = value is not None and all(abs(value - other) >= apart for other in written)
        point["label"] = point["method"] if point["front"] and free else None
        if point["label"] is not None and value is not None:
            written.append(value)


def _spread(points: Sequence[Record]) -> bool:
    """Whether costs differ so much that the axis must be logarithmic."""
    costs = [_float(point["cost"]) or 0.0 for point in points]
    return min(costs) > 0 and max(costs) / min(costs) > 20


def _spec(
    points: Sequence[Record],
    families: Sequence[str],
    label: str,
    title: str,
    *,
    higher_is_better: bool,
) -> dict[str, Any]:
    scale: dict[str, Any] = {"zero": False, "nice": True}
    if _spread(points):
        scale = {"type": "log", "nice": True}
    x = quantity("cost", title, scale=scale, axis={"format": "~g", "grid": False, "tickCount": 8})
    y = quantity("value", label, scale={"zero": False})
    shown = tooltip(
        ("method", "method", ""), ("value", label, ".4f"), ("cost", title, ".3~g"),
        ("low", "interval from", ".4f"), ("high", "to", ".4f"),
    )  # fmt: skip
    front = {"filter": {"field": "front", "equal": "true"}}
    there = sorted({str(point["family"]) for point in points})
    legend = {"orient": "bottom", "title": None, "columns": 3, "values": there}
    names = list(families)
    colour = {
        "field": "family",
        "type": "nominal",
        "legend": legend if len(there) > 1 else None,
        "scale": {"domain": names, "range": [f"var(--c{i % 8})" for i in range(len(names))]},
    }
    return chart(
        [
            {
                "transform": [front],
                "mark": {"type": "line", "color": "var(--muted)", "strokeDash": [4, 3]},
                "encoding": {"x": x, "y": y, "order": {"field": "cost", "type": "quantitative"}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6},
                "encoding": {
                    "x": x,
                    "y": {**y, "field": "low"},
                    "y2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": shown},
            },
            {
                "transform": [front],
                "mark": {
                    "type": "text",
                    "align": {"expr": f"{AT_THE_LEFT} ? 'left' : 'right'"},
                    "dx": {"expr": f"{AT_THE_LEFT} ? 9 : -9"},
                    "dy": -7 if higher_is_better else 9,
                    "fontSize": 11,
                    "limit": 230,
                    "color": "var(--ink)",
                },
                "encoding": {"x": x, "y": y, "text": {"field": "label"}},
            },
        ],
        height=320,
    )
