"""Where the time of each cell went."""

from __future__ import annotations

from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.charts import chart, quantity, tooltip
from harness.report.page.blocks.sketch import sketched_bars
from harness.report.page.blocks.sources import Source
from harness.report.screen.contest import Contest
from harness.report.table.numbers import mean, number
from harness.results.speed import spent

STEPS = {
    "start": "start",
    "data_prepare": "data",
    "build": "build",
    "compile": "compile",
    "frozen_prefix": "frozen layers",
    "train": "train",
    "validate": "validate",
    "checkpoint": "checkpoint",
    "predict": "predict",
    "probe": "measure speed",
    "other": "other",
}
"""Bucket of ``timing.json`` -> what the page calls it, in the order of a cell."""
ROW = 19
"""Pixels of a method."""


def time_chapter(source: Source) -> Chapter:
    """A bar per method, means over seeds."""
    blocks = [block for c in source.setting.contests if (block := _block(source, c)) is not None]
    return Chapter(id=source.id("time"), title="Where the time went", blocks=blocks)


def _block(source: Source, contest: Contest) -> Block | None:
    taken: dict[str, dict[str, float]] = {}
    for line in contest.lines:
        buckets = [spent(row.timing.get("buckets", {})) for row in line]
        names = list(dict.fromkeys(name for one in buckets for name in one))
        if names:
            taken[source.name(line)] = {
                STEPS.get(name, name): mean([one.get(name, 0.0) for one in buckets])
                for name in names
            }
    if not taken:
        return None
    used = {step for steps in taken.values() for step, seconds in steps.items() if seconds > 0}
    every = [*STEPS.values(), *sorted(used - {*STEPS.values()})]
    steps = [step for step in every if step in used]
    colours = {step: f"var(--c{min(place, 10)})" for place, step in enumerate(every)}
    longest_first = sorted(taken, key=lambda name: -sum(taken[name].values()))
    records: list[Record] = [
        {"method": name, "step": step, "place": place, "seconds": taken[name].get(step, 0.0)}
        for name in longest_first
        for place, step in enumerate(steps)
    ]
    return Block(
        kind="chart",
        id=source.id("time", contest.task),
        title=f"{contest.task}: wall time of a cell, seconds",
        text=[f"From the start of a cell's process to its end. Means over {contest.over}."],
        chart=chart(
            {
                "mark": {"type": "bar"},
                "encoding": {
                    "y": {
                        "field": "method",
                        "type": "nominal",
                        "sort": longest_first,
                        "title": None,
                        "axis": {"labelLimit": {"expr": "width < 520 ? 130 : 300"}},
                    },
                    "x": quantity("seconds", "seconds", stack="zero"),
                    "color": {
                        "field": "step",
                        "type": "nominal",
                        "scale": {"domain": list(colours), "range": list(colours.values())},
                        "legend": {
                            "values": steps,
                            "orient": "bottom",
                            "title": None,
                            "columns": 3,
                        },
                    },
                    "order": {"field": "place", "type": "quantitative"},
                    "tooltip": tooltip(
                        ("method", "method", ""),
                        ("step", "step", ""),
                        ("seconds", "seconds", ".3~g"),
                    ),
                },
            },
            height=ROW * len(taken),
        ),
        sketch=sketched_bars(
            {name: taken[name] for name in longest_first},
            {step: colours[step] for step in steps},
            "seconds",
        ),
        table=Table(
            columns=[
                Shown("method", longest_first, left=True),
                *(
                    Shown(step, [number(taken[name].get(step, 0.0)) for name in longest_first])
                    for step in steps
                ),
                Shown("all", [number(sum(taken[name].values())) for name in longest_first]),
            ]
        ),
        folded=True,
        records=records,
    )
