"""The table, printed or written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from harness.cli.shared.terminal import terminal_width
from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.report.contents import contents
from harness.report.file_format import Format
from harness.report.formats.json import Broken
from harness.report.table.rows import rows
from harness.report.table.view import EVERYTHING, View
from harness.results.checks.finished_cell import DAMAGED
from harness.results.rundir import CellDirectory
from harness.storage.json_files import write_output


def print_report(
    cells: Iterable[CellDirectory],
    plugins: Plugins,
    *,
    broken: Broken = (),
    form: Format = "text",
    output: Path | None = None,
    view: View = EVERYTHING,
) -> bool:
    """The report of the cells on standard output, or in the file ``output``.

    Returns:
        Whether any cell has a damaged file.

    Raises:
        HarnessError: the view is invalid, or the file cannot be written.
    """
    if output is not None and not output.parent.is_dir():
        raise HarnessError(f"--output {output}: cannot be written (no folder {output.parent})")
    width = terminal_width() if output is None else None
    metrics = [entry.spec for entry in plugins.metrics.values()]
    found = rows(cells)
    damaged = any(row.status == DAMAGED for row in found)
    data = contents(found, metrics, broken=broken, format=form, width=width, view=view)
    if output is None:
        # As bytes: the line ends of CSV are part of the format.
        click.echo(data, nl=False)
        return damaged
    try:
        write_output(output, data)
    except OSError as error:
        raise HarnessError(f"--output {output}: cannot be written ({error.strerror})") from error
    return damaged


def broken_plugins(plugins: Plugins) -> Sequence[tuple[str, str, str]]:
    """Name, status and reason of every plugin that did not load."""
    return [(record.name, record.status, record.reason) for record in plugins.broken]
