"""``harness show``"""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.cli.shared.past_runs import cell_argument, results_option
from harness.cli.shared.terminal import terminal_width
from harness.results.browse.lookup import find_cell


@click.command(name="show")
@cell_argument
@results_option("Where to look for the cell", formerly=("--out",))
@click.option("--json", "as_json", is_flag=True, help="Every record of the cell as one object.")
def command(cell: str, results: Path, as_json: bool) -> None:
    """Print one cell in full: the request, the training history, every value, every file.

    CELL is a cell folder, the beginning of a cell's name or hash, or the id or name of a method
    with one cell.

    \b
    harness show segmentation/unet
    harness show 7915b8 --json

    Exit codes: 0, 1 where a file of the cell is damaged, or 2 where there is no such cell.
    """
    from harness.report.cell.records import everything
    from harness.report.cell.text import one_cell_text

    value = everything(find_cell(cell, results))
    if as_json:
        click.echo(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False))
    else:
        click.echo(one_cell_text(value, terminal_width()), nl=False)
    if value["damaged"]:
        raise SystemExit(1)
