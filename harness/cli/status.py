"""``harness status``"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from harness.results.rundir import CellDirectory, find_cells


@click.command(name="status")
@click.argument("directory", type=click.Path(path_type=Path))
def command(directory: Path) -> None:
    """Show how far a run is: DIRECTORY is a study's folder, or one above it."""
    from tabulate import tabulate

    rows = [(cell.cell["id"], cell.cell["name"], *_state(cell)) for cell in find_cells(directory)]
    click.echo(tabulate(rows, headers=("method", "cell", "status", "")))
    counts = Counter(row[2] for row in rows)
    summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    click.echo(f"\n{len(rows)} cells: {summary}")


def _state(cell: CellDirectory) -> tuple[str, str]:
    status = cell.status
    if status is not None:
        return status["status"], status["reason"]
    epochs = [line["epoch"] for line in cell.history if line["event"] == "epoch"]
    if not epochs:
        return "unfinished", "not trained yet"
    return "unfinished", f"epoch {epochs[-1]} of {cell.cell['protocol']['epochs']}"
