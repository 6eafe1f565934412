"""``harness status``"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from harness.cli.terminal import state_text
from harness.results.built import SMALL, is_small
from harness.results.rundir import CellDirectory, find_cells


@click.command(name="status")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The cells as JSON.")
def command(directory: Path, as_json: bool) -> None:
    """Show how far a run is: DIRECTORY is a study's folder, or one above it.

    Reads the files of the cells, so it can be asked while they run. A cell that is "unfinished"
    runs just now, or was interrupted and resumes when its run is repeated.

    \b
    harness status results
    harness status results/phantom-quick --json

    Exit codes: 0, or 2 where there is no run.
    """
    cells = [_facts(cell) for cell in find_cells(directory)]
    if as_json:
        click.echo(json.dumps(cells, indent=2))
        return
    from tabulate import tabulate

    rows = [(_name(c), c["cell"], state_text(c["status"]), _detail(c)) for c in cells]
    click.echo(tabulate(rows, headers=("method", "cell", "status", "")))
    counts = Counter(cell["status"] for cell in cells)
    summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    click.echo(f"\n{len(cells)} cells: {summary}")


def _facts(cell: CellDirectory) -> dict[str, Any]:
    record, status = cell.cell, cell.status
    history = [] if status is not None else cell.history
    epochs = [line["epoch"] for line in history if line["event"] == "epoch"]
    return {
        "method": record["id"],
        "small": is_small(record),
        "cell": record["name"],
        "directory": str(cell.path),
        "status": "unfinished" if status is None else status["status"],
        "reason": "" if status is None else status["reason"],
        "seconds": None if status is None else status["seconds"],
        "epochs_done": None if status is not None else epochs[-1] if epochs else 0,
        "epochs": record["protocol"]["epochs"],
    }


def _name(cell: dict[str, Any]) -> str:
    return f"{cell['method']} {SMALL}" if cell["small"] else str(cell["method"])


def _detail(cell: dict[str, Any]) -> str:
    if cell["status"] != "unfinished":
        return str(cell["reason"])
    done = cell["epochs_done"]
    return f"epoch {done} of {cell['epochs']}" if done else "not trained yet"
