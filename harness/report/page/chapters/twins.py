"""Multitask methods beside the single-task methods that do half of their work each."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.formats.records import Record
from harness.report.formats.twin_columns import twin_columns
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.sources import Source
from harness.report.table.column import name_of
from harness.report.table.default_columns import speed_columns
from harness.report.table.sections import Section
from harness.report.table.twins import Pair, metric_labels, pairs, twin_notes
from harness.results.browse.decimals import decimals


@dataclass(frozen=True, slots=True)
class Bar:
    """A multitask method and its twin on an axis from 0 to 1."""

    title: str
    own: float
    twin: float
    text: str


def twins_chapter(source: Source) -> Chapter:
    blocks = [
        block
        for contest in source.setting.contests
        if (block := _block(source, contest.section)) is not None
    ]
    return Chapter(id=source.id("twins"), title="Multitask beside single-task", blocks=blocks)


def _block(source: Source, section: Section) -> Block | None:
    found = pairs(section, source.every, source.metrics)
    if not found:
        return None
    speed = source.known[speed_columns(section)[0]]
    key, groups = twin_columns(section, found, source.metrics, speed)
    records: list[Record] = [
        {
            "method": pair.row.method,
            "seed": pair.row.seed,
            "fold": pair.row.fold,
            "metric": pair.metric,
            "value": pair.values[0],
            "twin": pair.twin_id,
            "twin_value": pair.values[1],
            "difference": pair.compared.difference,
            "images": pair.compared.images,
        }
        for pair in found
    ]
    labels = metric_labels(source.metrics)
    return Block(
        kind="pairs",
        id=source.id("twins", section.first.task),
        title=f"{section.first.task}: each target, compared with the single-task method",
        drawing=[bar for pair in found if (bar := _bar(section, pair, labels)) is not None],
        table=Table(columns=[*key, *(column for group in groups for column in group)]),
        records=records,
        notes=twin_notes(section, found, source.metrics),
    )


def _bar(section: Section, pair: Pair, labels: dict[str, str]) -> Bar | None:
    own, twin = pair.values
    if (
        own is None
        or twin is None
        or pair.twin is None
        or not 0 <= min(own, twin) <= max(own, twin) <= 1
    ):
        return None
    label = labels.get(pair.metric, pair.metric)
    return Bar(
        title=f"{label}: {section.name_of(pair.row)}, {name_of(pair.twin)}",
        own=own,
        twin=twin,
        text=f"{decimals(own)} and {decimals(twin)}",
    )
