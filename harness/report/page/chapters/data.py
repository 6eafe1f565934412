"""The data: classes by part of the split and by source, and what more of it would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics.source_shortcut import source_shortcut
from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.charts import by_method, chart, quantity, tooltip
from harness.report.page.blocks.private import without_paths
from harness.report.page.blocks.sketch import sketch
from harness.report.page.blocks.sources import Source
from harness.report.screen.contest import Contest
from harness.report.table.aggregation import lines
from harness.report.table.numbers import percent
from harness.report.table.view import View
from harness.results.browse.decimals import decimals
from harness.results.checks.reference import Table as Images
from harness.results.checks.reference import Tables
from harness.storage.names import on_one_line
from harness.values.wording import counted

SOURCES = 12
"""Sources with a column of their own."""


def data_chapter(source: Source) -> Chapter:
    """Images of each class in each part and from each source, and training-fraction curves."""
    row = source.setting.first
    found = Tables().of(source.cell(row), source.record(row))
    blocks: list[Block] = []
    if isinstance(found, str):
        blocks.append(
            Block(
                text=[f"The study's own table of images cannot be shown: {without_paths(found)}."]
            )
        )
    else:
        blocks.append(_by_part(source, found))
        if found.samples.sources is not None:
            blocks.append(_by_source(source, found, found.samples.sources))
    blocks += [block for c in source.setting.contests if (block := _fractions(source, c))]
    return Chapter(id=source.id("data"), title="Data", blocks=blocks)


def _by_part(source: Source, images: Images) -> Block:
    samples, parts = images.samples, images.split.parts
    counts = {
        part: np.bincount(samples.labels[rows], minlength=len(samples.classes))
        for part, rows in parts.items()
    }
    row = source.setting.first
    text = [f"{counted(len(samples), 'image')} in {counted(len(samples.classes), 'class')}."]
    if row.folds is not None:
        text.append(f"The parts of fold {row.fold} of {row.folds}; the others are divided alike.")
    caps = {name: row.protocol.get(f"{name}_images") for name in parts}
    capped = [
        f"{cap} of {len(parts[name])} for {name}"
        for name, cap in caps.items()
        if isinstance(cap, int) and cap < len(parts[name])
    ]
    if capped:
        text.append(f"The protocol caps the images that a method uses: {', '.join(capped)}.")
    if samples.groups is not None:
        text.append(_groups(samples.groups, parts))
    if samples.has_mask.any():
        text.append(f"{counted(int(samples.has_mask.sum()), 'image')} with a reference mask.")
    return _counts(source, "parts", "Classes by part of the split", samples.classes, counts, text)


def _groups(groups: Sequence[str], parts: Mapping[str, NDArray[np.int64]]) -> str:
    """How many groups there are, and how many of them several parts share."""
    held = [{groups[row] for row in rows} for rows in parts.values()]
    several = sum(map(len, held)) - len(set().union(*held))
    every = f"{counted(len(set(groups)), 'group')} of images that belong together"
    if several:
        return f"{every}: the split leaks, as some are in several parts."
    return f"{every}; each is in one part only."


def _by_source(source: Source, images: Images, sources: Sequence[str]) -> Block:
    labels, classes = images.samples.labels, images.samples.classes
    names = np.array(sources)
    counts = {
        name: np.bincount(labels[names == name], minlength=len(classes))
        for name in sorted(set(sources))
    }
    shortcut = source_shortcut(labels, sources, len(classes))
    pure = [name for name, count in counts.items() if np.count_nonzero(count) == 1]
    text = []
    if shortcut is not None:
        told, most = (f"{100 * x:.0f} %" for x in (shortcut.by_source, shortcut.by_majority))
        text.append(
            f"The source alone tells the class of {told} of the images; the most frequent class is "
            f"that of {most}."
        )
    if pure and len(counts) > 1:
        text.append(
            f"{len(pure)} of {counted(len(counts), 'source')} hold one class only: there a method "
            "can learn the source in place of the finding."
        )
    shown = dict(sorted(counts.items(), key=lambda pair: -int(pair[1].sum()))[:SOURCES])
    if len(shown) < len(counts):
        text.append(f"The {SOURCES} largest of {counted(len(counts), 'source')}.")
    return _counts(source, "sources", "Classes by source", classes, shown, text)


def _counts(
    source: Source,
    what: str,
    title: str,
    classes: Sequence[str],
    counts: dict[str, NDArray[np.int64]],
    text: Sequence[str],
) -> Block:
    names = [on_one_line(name) for name in classes]
    columns = [Shown("class", [*names, "all"], left=True)]
    for name, count in counts.items():
        columns.append(Shown(on_one_line(name), [*map(str, count), str(count.sum())]))
    records: list[Record] = [
        {"class": label, **{f"{what}.{name}": int(n[index]) for name, n in counts.items()}}
        for index, label in enumerate(names)
    ]
    return Block(
        id=source.id("data", what),
        title=title,
        text=text,
        table=Table(columns=columns),
        records=records,
    )


def _fractions(source: Source, contest: Contest) -> Block | None:
    """The primary metric against the share of the training images, where a run varied it."""
    if not contest.section.varies("fraction"):
        return None
    metric = contest.metrics[0]
    label = source.label(metric)
    records: list[Record] = []
    for line in lines(contest.section, View(aggregate="folds"), source.known):
        value = source.evidence.value(line, metric)
        records.append(
            {
                "method": source.name(line),
                "share": line[0].fraction,
                "images": line[0].images["train"]["images"],
                "value": value,
                **source.ends(line, metric),
            }
        )
    records.sort(key=lambda record: (str(record["method"]), float(record["share"] or 0)))
    names = [source.name(line) for line in contest.lines]
    x = quantity("share", "share of the training images", axis={"format": "~%"})
    y = quantity("value", label, scale={"zero": False})
    return Block(
        kind="chart",
        id=source.id("fractions", contest.task),
        title=f"{contest.task}: {label} by the share of the training images",
        chart=chart(
            [
                {
                    "mark": {"type": "line", "point": True},
                    "encoding": {
                        "x": x,
                        "y": y,
                        "color": by_method(names),
                        "tooltip": tooltip(
                            ("method", "method", ""),
                            ("share", "share of the training images", "~%"),
                            ("images", "images", "d"),
                            ("value", label, ".4f"),
                        ),
                    },
                },
                {
                    "mark": {"type": "rule", "opacity": 0.5},
                    "encoding": {
                        "x": x,
                        "y": {**y, "field": "low"},
                        "y2": {"field": "high"},
                        "color": by_method(names),
                    },
                },
            ]
        ),
        sketch=sketch(records, names, ("share", "share of the training images"), ("value", label)),
        table=Table(
            columns=[
                Shown("method", [str(r["method"]) for r in records], left=True),
                Shown("train\ndata", [percent(float(r["share"] or 0)) for r in records]),
                Shown(label, [decimals(_number(r["value"])) for r in records]),
            ]
        ),
        folded=True,
        records=records,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
