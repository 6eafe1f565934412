"""Learning curves: the validation metric and the training loss after every epoch."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import HarnessError
from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.charts import (
    HOVER,
    by_method,
    chart,
    quantity,
    standing_out,
    tooltip,
)
from harness.report.page.blocks.sketch import sketch
from harness.report.page.blocks.sources import Source
from harness.report.screen.contest import Contest
from harness.report.table.numbers import mean, number
from harness.results.browse.decimals import UNKNOWN, decimals

Curve = list[dict[str, float]]


def learning(source: Source) -> Chapter:
    """For each task two charts; means where a method has several seeds or folds."""
    blocks = []
    for contest in source.setting.contests:
        blocks += _blocks(source, contest)
    return Chapter(
        id=source.id("learning"), title="Learning curves", blocks=blocks, side_by_side=True
    )


def _blocks(source: Source, contest: Contest) -> list[Block]:
    records: list[Record] = []
    unreadable: list[str] = []
    for line in contest.lines:
        name = source.name(line)
        try:
            histories = [source.cell(row).history for row in line]
        except HarnessError:
            unreadable.append(name)
            continue
        curves = [_epochs(history) for history in histories]
        for epoch in range(1, max(map(len, curves)) + 1):
            there = [curve[epoch - 1] for curve in curves if len(curve) >= epoch]
            records.append(
                {
                    "method": name,
                    "epoch": epoch,
                    "validation": _mean(there, "validation"),
                    "loss": _mean(there, "loss"),
                    "runs": len(there),
                }
            )
    if not records:
        return []
    names = list(dict.fromkeys(str(record["method"]) for record in records))
    higher = contest.lines[0][0].primary_higher_is_better
    metrics = " and ".join(source.label(metric) for metric in contest.metrics)
    several = f"mean of {metrics}" if len(contest.metrics) > 1 else metrics
    task = contest.task
    shown = [
        ("validation", f"{several} on validation", ".4f"),
        ("loss", "training loss", ".4f"),
    ]
    said = (
        [f"The record of the epochs of {', '.join(unreadable)} is damaged."] if unreadable else []
    )
    return [
        Block(
            kind="chart",
            id=source.id("learning", field, task),
            title=f"{task}: {title}",
            chart=chart(
                {
                    "params": [HOVER],
                    "mark": {"type": "line", "point": {"size": 26, "filled": True}},
                    "encoding": {
                        "x": quantity("epoch", "epoch", axis={"tickMinStep": 1, "format": "d"}),
                        "y": quantity(field, title, scale={"zero": False}),
                        "color": by_method(names),
                        "tooltip": tooltip(
                            ("method", "method", ""), ("epoch", "epoch", "d"), (field, title, form)
                        ),
                        **standing_out(1.8),
                    },
                },
                height=280,
            ),
            sketch=sketch(records, names, ("epoch", "epoch"), (field, title)),
            table=_table(records, names, field, highest=field == "validation" and higher),
            folded=True,
            records=[
                {name: record[name] for name in ("method", "epoch", field, "runs")}
                for record in records
            ],
            notes=said,
        )
        for field, title, form in shown
    ]


def _epochs(history: Sequence[dict[str, object]]) -> Curve:
    """Of each epoch the validation's primary metric and the training loss, where they are known."""
    found: Curve = []
    for event in history:
        if event.get("event") != "epoch":
            continue
        values = event.get("val")
        primary = values.get("primary") if isinstance(values, dict) else None
        facts = {"validation": primary, "loss": event.get("loss")}
        found.append({n: float(v) for n, v in facts.items() if isinstance(v, int | float)})
    return found


def _mean(there: Sequence[dict[str, float]], field: str) -> float | None:
    known = [point[field] for point in there if field in point]
    return mean(known) if known else None


def _table(records: Sequence[Record], names: Sequence[str], field: str, *, highest: bool) -> Table:
    """A line per method: the first epoch, the best and the last."""
    best = max if highest else min
    lines: list[list[str]] = []
    write = decimals if field == "validation" else number
    for name in names:
        own = [
            (record["epoch"], float(value))
            for record in records
            if record["method"] == name and isinstance(value := record[field], int | float)
        ]
        if not own:
            lines.append([name, *[UNKNOWN] * 4])
            continue
        at, top = best(own, key=lambda pair: pair[1])
        lines.append([name, write(own[0][1]), write(top), str(at), write(own[-1][1])])
    heads = ("method", "first epoch", "best", "epoch of\nthe best", "last epoch")
    return Table(
        columns=[
            Shown(head, [line[index] for line in lines], left=index == 0)
            for index, head in enumerate(heads)
        ]
    )
