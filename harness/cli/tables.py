"""The table, printed or written."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from harness.errors import HarnessError
from harness.plugins import Plugins
from harness.report.rows import rows
from harness.report.table import Broken, Format, render
from harness.results.rundir import CellDirectory

NARROWEST = 80
"""Columns that a table may always take."""


def print_report(
    cells: Iterable[CellDirectory],
    plugins: Plugins,
    *,
    broken: Broken = (),
    form: Format = "text",
    output: Path | None = None,
) -> None:
    """The report of the cells on standard output, or in the file ``output``.

    Raises:
        HarnessError: the file cannot be written.
    """
    width = None
    if output is None:
        width = max(NARROWEST, shutil.get_terminal_size((100, 24)).columns)
    metrics = [entry.spec for entry in plugins.metrics.values()]
    text = render(rows(cells), metrics, broken=broken, format=form, width=width)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise HarnessError(f"--output {output}: cannot be written ({error.strerror})") from error


def broken_plugins(plugins: Plugins) -> Sequence[tuple[str, str, str]]:
    """Name, status and reason of every plugin that did not load."""
    return [(record.name, record.status, record.reason) for record in plugins.broken]
