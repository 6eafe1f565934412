"""Class by class: recall as a heat map, and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.sources import Source
from harness.report.screen.contest import Contest
from harness.report.table.aggregation import Line
from harness.report.table.catalogue import catalogue
from harness.report.table.numbers import mean
from harness.results.browse.decimals import UNKNOWN, decimals
from harness.storage.names import on_one_line

CELLS = 1200
"""Cells of all matrices that are drawn; the CSV has every matrix."""


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of a drawn table."""

    shade: float
    """In [0, 1]."""
    text: str
    hover: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A heat map or a matrix."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    squares: Sequence[Sequence[Square]]

    @property
    def short(self) -> Sequence[str]:
        """Headings of narrow columns: the beginning of each name; numbers where these would be
        alike."""
        dots = "\N{HORIZONTAL ELLIPSIS}"
        cut = [name if len(name) <= 5 else f"{name[:4]}{dots}" for name in self.columns]
        if len(set(cut)) == len(cut):
            return cut
        return [str(number) for number in range(1, len(cut) + 1)]

    @property
    def numbered(self) -> bool:
        return self.short[0] == "1"


def classes(source: Source) -> Chapter:
    blocks = []
    for contest in source.setting.contests:
        blocks += [block for block in (_heat(source, contest), _matrices(source, contest)) if block]
    return Chapter(id=source.id("classes"), title="Class by class", blocks=blocks)


def _heat(source: Source, contest: Contest) -> Block | None:
    labels = list(
        dict.fromkeys(name for row in contest.section.rows for name in row.recall_per_class)
    )
    found = [line for line in contest.lines if line[0].recall_per_class]
    if not labels or not found:
        return None
    known = catalogue([row for line in found for row in line], source.metrics)
    columns = [known[f"recall.{label}"] for label in labels]
    heads = [on_one_line(label) for label in labels]
    names = [source.name(line) for line in found]
    squares: list[list[Square]] = []
    records: list[Record] = []
    for name, line in zip(names, found, strict=True):
        values = [
            mean(numbers) if (numbers := column.numbers(line)) else None for column in columns
        ]
        recalls = {f"recall.{head}": value for head, value in zip(heads, values, strict=True)}
        records.append({"method": name, **recalls})
        squares.append(
            [
                Square(value or 0.0, _short(value), f"{name}: recall of {head} {decimals(value)}")
                for head, value in zip(heads, values, strict=True)
            ]
        )
    return Block(
        kind="heat",
        id=source.id("recall", contest.task),
        title=f"{contest.task}: recall of each class",
        text=[
            "The share of a class's images that a method gives that class; means over "
            f"{contest.over}."
        ],
        drawing=[Grid("", names, heads, squares)],
        table=Table(
            columns=[
                Shown("method", names, left=True),
                *(
                    Shown(on_one_line(head), [column.text(line) for line in found])
                    for head, column in zip(heads, columns, strict=True)
                ),
            ]
        ),
        folded=True,
        records=records,
    )


def _matrices(source: Source, contest: Contest) -> Block | None:
    counted = [
        (line, counts) for line in contest.lines if (counts := _counts(source, line)) is not None
    ]
    if not counted:
        return None
    heads = [on_one_line(name) for name in contest.section.first.classes]
    drawn = min(len(counted), CELLS // len(heads) ** 2)
    grids = [_grid(source.name(line), heads, counts) for line, counts in counted[:drawn]]
    records: list[Record] = [
        {
            "method": source.name(line),
            "true class": heads[row],
            "predicted class": heads[column],
            "images": int(counts[row, column]),
        }
        for line, counts in counted
        for row in range(len(heads))
        for column in range(len(heads))
        if drawn or counts[row, column]
    ]
    text = ["Rows are true classes, columns predicted ones; the shade is the share of the row."]
    if any(len(line) > 1 for line, _ in counted):
        text.append("Images are counted once for each seed.")
    if not drawn:
        text = [f"{len(heads)} classes are too many to draw; the CSV has all counts above 0."]
    elif drawn < len(counted):
        text.append(f"The best {drawn} of {len(counted)} methods; the CSV has all.")
    return Block(
        kind="matrices" if drawn else "text",
        id=source.id("confusion", contest.task),
        title=f"{contest.task}: confusion matrices",
        text=text,
        drawing=grids,
        table=_table(heads, [(source.name(line), counts) for line, counts in counted[:drawn]])
        if drawn
        else None,
        folded=bool(drawn),
        records=records,
    )


def _counts(source: Source, line: Line) -> NDArray[np.int64] | None:
    """Images by true and predicted class, [C, C], over all seeds."""
    found = [source.evidence.file(row) for row in line]
    predicted = [None if file is None else file.class_predictions() for file in found]
    size = len(line[0].classes)
    total = np.zeros((size, size), dtype=np.int64)
    for one in predicted:
        if one is None:
            return None
        np.add.at(total, (one.labels, one.probabilities.argmax(axis=1)), 1)
    return total


def _grid(title: str, heads: Sequence[str], counts: NDArray[np.int64]) -> Grid:
    sums = counts.sum(axis=1)
    return Grid(
        title,
        heads,
        heads,
        [
            [
                Square(
                    counts[row, column] / sums[row] if sums[row] else 0.0,
                    str(counts[row, column]),
                    f"{true} predicted as {predicted}: {counts[row, column]} of {sums[row]} images",
                )
                for column, predicted in enumerate(heads)
            ]
            for row, true in enumerate(heads)
        ],
    )


def _table(heads: Sequence[str], found: Sequence[tuple[str, NDArray[np.int64]]]) -> Table:
    rows = [(name, index) for name, _ in found for index in range(len(heads))]
    stacked = np.concatenate([counts for _, counts in found])
    return Table(
        columns=[
            Shown("method", [name for name, _ in rows], left=True),
            Shown("true class", [heads[index] for _, index in rows], left=True),
            *(
                Shown(f"predicted\n{head}", [str(count) for count in stacked[:, column]])
                for column, head in enumerate(heads)
            ),
        ]
    )


def _short(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"
