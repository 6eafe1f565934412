"""``harness plan``"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from harness.cli.options import installed_plugins, request_of, study_options
from harness.report.columns import UNKNOWN
from harness.results.rundir import CellDirectory
from harness.study import Cell, plan
from harness.variants import check_prompts


@click.command(name="plan")
@study_options
def command(prompts: Path | None, **options: Any) -> None:
    """Show the cells that a run would have; run nothing.

    \b
    harness plan --plugins 'ssl/*' --dataset radiography --data-root DIR --preset paper
    """
    from tabulate import tabulate

    study = plan(request_of(**options), installed_plugins(prompts))
    if prompts is not None:
        check_prompts(study, prompts)
    for note in dict.fromkeys(study.notes):
        click.echo(f"note: {note}", err=True)
    states = [_state(cell) for cell in study.cells]
    rows = [
        (cell.id, cell.name, cell.record["weights"]["kind"], _images(cell), state)
        for cell, state in zip(study.cells, states, strict=True)
    ]
    heads = ("method", "cell", "weights", "train/val/test", "state")
    click.echo(tabulate(rows, headers=heads, maxcolwidths=[None, None, None, None, 60]))
    counts = Counter(state.partition(":")[0] for state in states)
    summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    click.echo(f"\n{len(study.cells)} cells in {study.directory}: {summary}")


def _state(cell: Cell) -> str:
    if cell.blocked is not None:
        return f"{cell.blocked[0]}: {cell.blocked[1]}"
    if not (cell.directory / "cell.json").exists():
        return "to run"
    status = CellDirectory(cell.directory).status
    if status is None:
        return "unfinished: will resume"
    return "finished" if status["status"] == "ok" else f"to run again: was {status['status']}"


def _images(cell: Cell) -> str:
    counts = [str(cell.record["data"].get(p, {}).get("images", UNKNOWN)) for p in _PARTS]
    return "/".join(counts)


_PARTS = ("train", "val", "test")
