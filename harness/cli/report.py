"""``harness report``"""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import installed_plugins
from harness.cli.tables import print_report
from harness.report.table import Format
from harness.results.rundir import find_cells


@click.command(name="report")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    help="Default: text.",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Default: print.")
def command(directory: Path, form: Format, output: Path | None) -> None:
    """Print the table of finished runs: DIRECTORY is a study's folder, or one above it."""
    print_report(find_cells(directory), installed_plugins(), form=form, output=output)
