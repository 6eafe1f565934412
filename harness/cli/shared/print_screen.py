"""The last screen of a run, printed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from harness.cli.shared.print_report import print_report
from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.progress.counting import counting
from harness.report.screen.screen import Ended, has_screen, screen
from harness.report.table.rows import Row, rows
from harness.results.checks.finished_cell import DAMAGED
from harness.results.rundir import CellDirectory

_MANY = 300_000
"""Predictions whose reading takes some seconds, and so is shown."""


def print_screen(
    cells: Iterable[CellDirectory],
    plugins: Plugins,
    folders: Sequence[Path],
    pages: Sequence[Path],
    *,
    started: datetime,
) -> bool:
    """The last screen on standard output; the table where only time was measured.

    Args:
        cells: of the run.
        folders: of its studies.
        pages: of its studies, as far as they have one.
        started: when the run began.

    Returns:
        Whether any cell has a damaged file.
    """
    every = list(cells)
    broken = [record.name for record in plugins.broken]
    found = rows(every)
    if not has_screen(found):
        reasons = [(one.name, one.status, one.reason) for one in plugins.broken]
        return print_report(every, plugins, broken=reasons)
    ended = Ended(
        folders=[os.path.relpath(folder) for folder in dict.fromkeys(folders)],
        summaries={name: entry.spec.summary for name, entry in plugins.datasets.items()},
        embedded=plugins.embedded,
        kept=_older(every, started),
        seconds=(datetime.now(UTC) - started).total_seconds(),
        broken=broken,
        pages=[os.path.relpath(page) for page in dict.fromkeys(pages)],
    )
    metrics = [entry.spec for entry in plugins.metrics.values()]
    with counting("computing intervals", shown=_predictions(found) > _MANY) as report:
        text = screen(found, metrics, ended, report)
    click.echo(text.encode(), nl=False)
    return any(row.status == DAMAGED for row in found)


def _older(cells: Iterable[CellDirectory], started: datetime) -> set[str]:
    """Folders of the cells that no run since then has made or continued."""
    found = set()
    for cell in cells:
        try:
            created = datetime.fromisoformat(cell.cell["created"])
        except HarnessError:  # Its row says that it is damaged.
            continue
        if created < started:
            found.add(str(cell.path))
    return found


def _predictions(found: Iterable[Row]) -> int:
    """Images of all prediction files."""
    parts = [row.images.get(row.part) for row in found if row.status == "ok"]
    return sum(part["images"] for part in parts if part is not None)
