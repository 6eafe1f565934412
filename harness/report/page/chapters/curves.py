"""Curves of single classes against the rest: ROC, precision and recall, reliability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.charts import (
    HOVER,
    MUTED,
    Spec,
    by_method,
    chart,
    picker,
    quantity,
    standing_out,
    tooltip,
)
from harness.report.page.blocks.sketch import sketch
from harness.report.page.blocks.sources import Source
from harness.report.page.chapters.curve_values import (
    BINS,
    GRID,
    STEPS,
    Floats,
    Scores,
    area_under_roc,
    average_precision,
    bins,
    calibration_error,
    precision_recall,
    roc,
    scores,
)
from harness.report.screen.contest import Contest
from harness.report.table.numbers import mean
from harness.results.browse.decimals import decimals
from harness.results.predictions import ClassPredictions
from harness.storage.names import on_one_line

METHODS = 12
"""Methods with curves at most, the best first: more lines than these hide each other."""
WHOLE = {"domain": [0, 1]}
POINTS = 2000
"""Points of a chart that has more than four methods: with many classes, too, the page stays
small."""


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A task with classes: what its methods predicted."""

    source: Source
    name: str
    predicted: Mapping[str, Sequence[ClassPredictions]]
    """Method -> one a seed; the best first."""
    drawn: Sequence[str]
    """The methods with curves."""
    classes: Mapping[int, str]
    """Index -> name, of classes that some images have and others have not."""
    over: str
    """What a method's values are means over."""

    @property
    def first(self) -> dict[str, str]:
        """The class that is drawn where none can be chosen."""
        return {"class": next(iter(self.classes.values()))}

    @property
    def notes(self) -> list[str]:
        if len(self.drawn) == len(self.predicted):
            return []
        return [f"Curves of the best {len(self.drawn)} methods; the table has all."]


def curves(source: Source) -> Chapter:
    """For each task with classes three charts with a list of classes to choose from."""
    tasks = (_task(source, contest) for contest in source.setting.contests)
    title = "ROC, precision and recall, reliability"
    blocks = list(chain.from_iterable(_blocks(task) for task in tasks if task.classes))
    return Chapter(id=source.id("curves"), title=title, blocks=blocks, side_by_side=True)


def _task(source: Source, contest: Contest) -> _Task:
    predicted: dict[str, list[ClassPredictions]] = {}
    for line in contest.lines:
        files = [source.evidence.file(row) for row in line]
        found = [file.class_predictions() for file in files if file is not None]
        whole = [one for one in found if one is not None]
        if whole and len(whole) == len(line):
            predicted[source.name(line)] = whole
    every = [one for seeds in predicted.values() for one in seeds]
    classes = {
        index: on_one_line(name)
        for index, name in enumerate(contest.section.first.classes)
        if every and all(_some_are(one.labels == index) for one in every)
    }
    points = max(1, len(classes)) * (STEPS + 1)
    return _Task(
        source=source,
        name=contest.task,
        predicted=predicted,
        drawn=list(predicted)[: min(METHODS, max(4, POINTS // points))],
        classes=classes,
        over=contest.over,
    )


def _some_are(positive: NDArray[np.bool_]) -> bool:
    return bool(positive.any() and not positive.all())


def _blocks(task: _Task) -> list[Block]:
    return [
        _curve(
            task, "roc", "ROC", ("false positive rate", "true positive rate"),
            roc, area_under_roc, "AUROC",
        ),
        _curve(
            task, "precision", "precision and recall", ("recall", "precision"),
            precision_recall, average_precision, "average\nprecision",
        ),
        _reliability(task),
    ]  # fmt: skip


def _curve(
    task: _Task,
    what: str,
    title: str,
    axes: tuple[str, str],
    curve: Callable[[Scores], Floats],
    area: Callable[[Scores], float],
    head: str,
) -> Block:
    x, y = axes
    records: list[Record] = []
    areas: dict[str, list[float]] = {name: [] for name in task.classes.values()}
    for name, seeds in task.predicted.items():
        for index, label in task.classes.items():
            given = [scores(one, index) for one in seeds]
            areas[label].append(mean([area(one) for one in given]))
            if name in task.drawn:
                heights = np.mean([curve(one) for one in given], axis=0)
                records += [
                    {"method": name, "class": label, x: round(float(at), 4), y: round(float(to), 4)}
                    for at, to in zip(GRID, heights, strict=True)
                ]
    return Block(
        kind="chart",
        id=task.source.id(what, task.name),
        title=f"{task.name}: {title}",
        text=[f"One class against all others; means over {task.over}."],
        chart=_lines(
            task,
            quantity(x, x, scale=WHOLE),
            quantity(y, y, scale=WHOLE),
            diagonal=what == "roc",
        ),
        sketch=sketch(records, task.drawn, (x, x), (y, y), only=task.first),
        table=Table(
            columns=[
                Shown("method", list(task.predicted), left=True),
                *(
                    Shown(f"{head}\n{label}", [decimals(value) for value in values])
                    for label, values in areas.items()
                ),
            ]
        ),
        folded=True,
        records=records,
        notes=task.notes,
    )


def _reliability(task: _Task) -> Block:
    records: list[Record] = []
    for name in task.drawn:
        for index, label in task.classes.items():
            given = [scores(one, index) for one in task.predicted[name]]
            positive = np.concatenate([one for one, _ in given])
            probability = np.concatenate([other for _, other in given]).astype(np.float64)
            records += [
                {
                    "method": name,
                    "class": label,
                    "predicted": round(float(probability[chosen].mean()), 4),
                    "observed": round(float(positive[chosen].mean()), 4),
                    "images": int(chosen.sum()),
                }
                for chosen in bins(probability)
            ]
    errors = [mean([calibration_error(one) for one in p]) for p in task.predicted.values()]
    return Block(
        kind="chart",
        id=task.source.id("reliability", task.name),
        title=f"{task.name}: reliability",
        text=[
            f"Images in {BINS} bins of equal width by the probability of the class, all "
            f"{task.over} together. A method is calibrated where its line is the diagonal. The "
            "table has the expected calibration error of the predicted class, over as many bins, "
            f"mean over {task.over} (Guo et al. 2017)."
        ],
        chart=_lines(
            task,
            quantity("predicted", "mean predicted probability", scale=WHOLE),
            quantity("observed", "share that is of the class", scale=WHOLE),
            ("images", "images", "d"),
            diagonal=True,
            point={"size": 26, "filled": True},
        ),
        sketch=sketch(
            records,
            task.drawn,
            ("predicted", "mean predicted probability"),
            ("observed", "share that is of the class"),
            only=task.first,
        ),
        table=Table(
            columns=[
                Shown("method", list(task.predicted), left=True),
                Shown("expected calibration\nerror", [decimals(error) for error in errors]),
            ]
        ),
        folded=True,
        records=records,
        notes=task.notes,
    )


def _lines(
    task: _Task,
    x: Spec,
    y: Spec,
    *more: tuple[str, str, str],
    diagonal: bool = False,
    **mark: Spec,
) -> Spec:
    """A line per method, of the class that the reader has chosen.

    Args:
        diagonal: whether the line from (0, 0) to (1, 1) is drawn, too.
    """
    chosen = picker("chosen", list(task.classes.values()))
    chosen["bind"] = {**chosen["bind"], "name": "class "}
    axes = [(str(axis["field"]), str(axis["title"]), ".3f") for axis in (x, y)]
    lines = {
        "params": [HOVER],
        "transform": [{"filter": "datum['class'] === chosen"}],
        "mark": {"type": "line", **mark},
        "encoding": {
            "x": x,
            "y": y,
            "color": by_method(task.drawn),
            "tooltip": tooltip(("method", "method", ""), *axes, *more),
            **standing_out(1.6),
        },
    }
    ends = [{x["field"]: value, y["field"]: value} for value in (0, 1)]
    rule = {
        "data": {"values": ends},
        "mark": {"type": "line", "color": MUTED, "strokeDash": [4, 3]},
        "encoding": {"x": x, "y": y},
    }
    return chart([rule, lines] if diagonal else [lines], height=320, params=[chosen])
