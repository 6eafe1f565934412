"""The report as JSON: sections with their notes, and every row whole or as it was asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from harness.report.formats.records import Record
from harness.report.table.notes import notes
from harness.report.table.rows import Row
from harness.report.table.sections import Section
from harness.report.table.twins import pairs
from harness.report.table.view import View
from harness.specs import MetricSpec

Broken = Sequence[tuple[str, str, str]]
"""Plugins that did not load: name, status, reason."""


def json_of(
    tables: Sequence[tuple[Section, Sequence[Row], Sequence[Record] | None]],
    every: Sequence[Row],
    metrics: Sequence[MetricSpec],
    view: View,
    broken: Broken,
) -> str:
    """Indented, without NaN; None is unknown.

    Args:
        tables: sections, their rows in order, and records that take the rows' place where columns
            or a layout were asked for.
        every: all rows, also those of no section, for twins.
    """
    value = {
        "sections": [
            {
                "heading": section.heading(),
                "task": section.first.task,
                "dataset": section.first.dataset,
                "root": section.first.root,
                "fingerprint": section.first.fingerprint,
                "split": section.first.split,
                "studies": sorted({row.study for row in section.rows}),
                "part": section.first.part,
                "machine": section.machine,
                "classes": section.first.classes,
                "classes_present": section.first.classes_present,
                "notes": [note.text for note in notes(section, metrics, view)],
                "twins": [pair.to_json() for pair in pairs(section, every, metrics)],
                "rows": [asdict(row) for row in rows] if records is None else records,
            }
            for section, rows, records in tables
        ],
        "broken_plugins": [
            {"name": name, "status": status, "reason": reason} for name, status, reason in broken
        ],
    }
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
