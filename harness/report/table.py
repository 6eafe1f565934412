"""The report as text, Markdown or JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Literal

from tabulate import tabulate

from harness.report.columns import (
    Column,
    cost_columns,
    key_columns,
    metric_columns,
    source_columns,
    status_columns,
)
from harness.report.notes import Note, notes
from harness.report.rows import Row
from harness.report.sections import Section, sections
from harness.report.twins import pairs, twin_table
from harness.specs import MetricSpec

Format = Literal["text", "markdown", "json"]

Broken = Sequence[tuple[str, str, str]]
"""Plugins that did not load: name, status, reason."""

_GAP = 2
"""Spaces between two columns of a plain table."""


def render(
    rows: Iterable[Row],
    metrics: Sequence[MetricSpec],
    *,
    broken: Broken = (),
    format: Format = "text",
    width: int | None = None,
) -> str:
    """All rows, in one section per task, dataset, protocol and machine, with their notes.

    Args:
        metrics: the columns to show, in this order, where rows have such a metric. JSON holds every
            metric that the rows have.
        width: characters of a line of text. A wider section is stacked: first what the methods
            reach, then what they cost. None for no limit; the other formats know none.
    """
    every = list(rows)
    found = sections(every)
    if format == "json":
        return _json(found, every, metrics, broken)
    said = [notes(section, metrics) for section in found]
    common = _common(said)
    blocks = [
        _block(section, [note for note in own if note not in common], metrics, format, width)
        + twin_table(pairs(section, every), metrics, markdown=format == "markdown")
        for section, own in zip(found, said, strict=True)
    ]
    if common:
        blocks.append(_under("All tables", common, format, width))
    if broken:
        blocks.append(_broken(broken, format, width))
    return "\n\n".join(blocks) + "\n"


def _json(
    found: Sequence[Section], every: Sequence[Row], metrics: Sequence[MetricSpec], broken: Broken
) -> str:
    value = {
        "sections": [
            {
                "heading": section.heading(),
                "task": section.first.task,
                "dataset": section.first.dataset,
                "part": section.first.part,
                "machine": section.machine,
                "classes": section.first.classes,
                "classes_present": section.first.classes_present,
                "notes": [note.text for note in notes(section, metrics)],
                "twins": [pair.to_json() for pair in pairs(section, every)],
                "rows": [asdict(row) for row in section.rows],
            }
            for section in found
        ],
        "broken_plugins": [
            {"name": name, "status": status, "reason": reason} for name, status, reason in broken
        ],
    }
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _common(said: Sequence[Sequence[Note]]) -> list[Note]:
    """Notes that stand under every one of several sections, to be said once for all."""
    if len(said) < 2:
        return []
    return [note for note in said[0] if all(note in others for others in said[1:])]


def _block(
    section: Section,
    said: Sequence[Note],
    metrics: Sequence[MetricSpec],
    format: Format,
    width: int | None,
) -> str:
    key = key_columns(section)
    groups = [
        metric_columns(section, metrics, "label"),
        metric_columns(section, metrics, "mask"),
        status_columns(),
        cost_columns(section),
        source_columns(section),
    ]
    if format == "markdown":
        table = _markdown_table(section, [*key, *chain(*groups)])
        return "\n".join([f"### {section.heading()}", "", table, "", *_markdown_notes(said)])
    tables = "\n\n".join(
        _text_table(section, columns) for columns in _stacked(section, key, groups, width)
    )
    heading = textwrap.fill(section.heading(), width) if width else section.heading()
    return "\n".join([heading, "", tables, "", *_text_notes(said, width)])


def _stacked(
    section: Section, key: Sequence[Column], groups: Sequence[Sequence[Column]], width: int | None
) -> list[list[Column]]:
    """The columns of each table, which starts with the key.

    Groups stay whole, as many in a table as fit; only one that is too wide alone is cut.
    """
    tables: list[list[Column]] = [[*key]]

    def fits(columns: Sequence[Column]) -> bool:
        return width is None or _width(section, columns) <= width

    for group in groups:
        if not fits([*tables[-1], *group]):
            tables.append([*key])
        for column in group:
            if not fits([*tables[-1], column]):
                tables.append([*key])
            tables[-1].append(column)
    return [table for table in tables if len(table) > len(key)]


def _width(section: Section, columns: Sequence[Column]) -> int:
    widths = (
        max(len(text) for text in (*column.head.split("\n"), *map(column.text, section.rows)))
        for column in columns
    )
    return sum(widths) + _GAP * (len(columns) - 1)


def _text_table(section: Section, columns: Sequence[Column]) -> str:
    # Heads are rows here: as headers tabulate would pad every column by two more spaces.
    heads = _head_rows([column.head for column in columns])
    body = [[column.text(row) for column in columns] for row in section.rows]
    lines = tabulate(
        [*heads, *body], tablefmt="plain", colalign=_alignment(columns), disable_numparse=True
    ).split("\n")
    rule = "-" * _width(section, columns)
    return "\n".join(line.rstrip() for line in (*lines[: len(heads)], rule, *lines[len(heads) :]))


def _head_rows(heads: Sequence[str]) -> list[list[str]]:
    """The lines of the heads, each head standing on the last row."""
    lines = [head.split("\n") for head in heads]
    height = max(map(len, lines))
    padded = [[""] * (height - len(head)) + head for head in lines]
    return [[head[row] for head in padded] for row in range(height)]


def _markdown_table(section: Section, columns: Sequence[Column]) -> str:
    return tabulate(
        [[column.text(row) for column in columns] for row in section.rows],
        headers=[column.head.replace("/\n", "/").replace("\n", " ") for column in columns],
        tablefmt="github",
        colalign=_alignment(columns),
        disable_numparse=True,
    )


def _alignment(columns: Sequence[Column]) -> list[str]:
    return ["left" if column.left else "right" for column in columns]


def _text_notes(said: Iterable[Note], width: int | None) -> list[str]:
    lines: list[str] = []
    for note in said:
        text = f"- {note.text}"
        lines += textwrap.wrap(text, width, subsequent_indent="  ") if width else [text]
        lines += [_cut(f"    | {line}", width) for line in note.log]
    return lines


def _markdown_notes(said: Iterable[Note]) -> list[str]:
    lines: list[str] = []
    for note in said:
        lines.append(f"- {note.text}")
        if note.log:
            lines += ["  ```", *(f"  {line}" for line in note.log), "  ```"]
    return lines


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else line[: width - 1] + "…"


def _broken(broken: Broken, format: Format, width: int | None) -> str:
    said = [Note(f"{name}: {status}: {' '.join(why.split())}") for name, status, why in broken]
    return _under("Plugins that did not load", said, format, width)


def _under(heading: str, said: Sequence[Note], format: Format, width: int | None) -> str:
    if format == "markdown":
        return "\n".join([f"### {heading}", "", *_markdown_notes(said)])
    return "\n".join([heading, "", *_text_notes(said, width)])
