"""``harness status``"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click

from harness.cli.shared.fitted_tables import fitted_table
from harness.cli.shared.past_runs import results_argument
from harness.cli.shared.terminal import state_text, terminal_width
from harness.progress.cell_text import score_of
from harness.results.browse.decimals import UNKNOWN
from harness.results.browse.lookup import last_names, method_of
from harness.results.browse.network_title import is_small, named
from harness.results.browse.told_apart import swept_values
from harness.results.checks.finished_cell import DAMAGED, Found, look
from harness.results.checks.reference import Tables
from harness.results.record import CellRecord
from harness.results.rundir import find_cells
from harness.upkeep.activity import activity, run_began
from harness.upkeep.queued_jobs import Submitted, submitted
from harness.values.wording import counted, setting_text


@click.command(name="status")
@results_argument
@click.option("--json", "as_json", is_flag=True, help="The cells as JSON.")
def command(results: Path, as_json: bool) -> None:
    """Show the progress of a run.

    RESULTS is the results folder (default: results), or a study folder in it.

    Reads the files of the cells, so it works while they run, from any shell: a cell is "queued",
    "waiting" (its process is starting) or "running". Of a cell that is a job of a cluster, the
    cluster is asked. One that is "unfinished" was interrupted, and
    resumes when its run is repeated.

    \b
    harness status
    harness status results/phantom-quick --json

    Exit codes: 0, 1 where a file of a cell is damaged, or 2 where there is no run.
    """
    tables = Tables()
    began = cache(run_began)
    looked = [look(cell, tables) for cell in find_cells(results)]
    jobs = submitted((f.directory.path for f in looked if f.status is None), _warn)
    cells = [
        _facts(found, began(path.parents[3]), jobs.get(path))
        for found in looked
        for path in (found.directory.path,)
    ]
    damaged = any(cell["status"] == DAMAGED for cell in cells)
    if as_json:
        click.echo(json.dumps(cells, indent=2))
        raise SystemExit(int(damaged))
    heads, found = _where(cells, [one.cell for one in looked])
    rows = [
        (_name(c), *where, c["cell"], state_text(c["status"]), _detail(c))
        for c, where in zip(cells, found, strict=True)
    ]
    # In a pipe a cell is a line.
    width = terminal_width() if sys.stdout.isatty() else sys.maxsize
    named_heads = ("method", *heads, "cell", "status", "result")
    last = len(named_heads) - 1
    click.echo(fitted_table(named_heads, rows, width, wrapped=(0, last)))
    counts = Counter(cell["status"] for cell in cells)
    summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    click.echo(f"\n{counted(len(cells), 'cell')}: {summary}")
    raise SystemExit(int(damaged))


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


def _facts(found: Found, began: float | None, job: Submitted | None) -> dict[str, Any]:
    record, status, cell = found.cell, found.status, found.directory
    epochs = [line["epoch"] for line in found.history or () if line["event"] == "epoch"]
    if status is None:
        (state, detail), reason = activity(cell.path, found.history or (), began, job), ""
    else:
        state, reason = status["status"], status["reason"]
        detail = reason or _score(found)
    return {
        "method": method_of(cell) if record is None else record["id"],
        "small": record is not None and is_small(record),
        "weights": None if record is None else record["weights"]["kind"],
        "study": cell.path.resolve().parents[3].name,
        "dataset": unquote(cell.path.parent.name),
        "cell": cell.path.name,
        "directory": str(cell.path),
        "status": DAMAGED if found.damage else state,
        "reason": "; ".join(found.damage) or reason,
        "detail": "; ".join(found.damage) or detail,
        "sweep": {} if record is None else swept_values(record),
        "job": None if job is None else job.job,
        "seconds": None if status is None else status["seconds"],
        "epochs_done": None if status is not None else epochs[-1] if epochs else 0,
        "epochs": None if record is None else record["protocol"]["epochs"],
    }


def _score(found: Found) -> str:
    if found.cell is None or not found.finished:
        return ""
    score = score_of(found.cell, found.metrics)
    return "" if score is None else score.text


def _where(
    cells: Sequence[dict[str, Any]], records: Sequence[CellRecord | None]
) -> tuple[list[str], list[list[str]]]:
    """Headings of study, dataset, number of folds and what any run swept where there are several,
    and each cell's entries."""
    folders = [Path(cell["directory"]).parents[3].absolute() for cell in cells]
    studies = last_names(folders)
    facts = {
        "study": [studies[folder] for folder in folders],
        "dataset": [cell["dataset"] for cell in cells],
        "folds": list(map(_folds, records)),
    }
    swept = dict.fromkeys(field for cell in cells for field in cell["sweep"])
    for field in swept:
        facts[field] = [
            UNKNOWN if record is None else setting_text(record["protocol"].get(field))
            for record in records
        ]
    several = {head: texts for head, texts in facts.items() if len(set(texts)) > 1}
    return list(several), [[texts[n] for texts in several.values()] for n in range(len(cells))]


def _folds(record: CellRecord | None) -> str:
    fold = None if record is None else record["split"].get("fold")
    return UNKNOWN if fold is None else str(fold["of"])


def _name(cell: dict[str, Any]) -> str:
    return named(cell["method"], small=cell["small"], weights=cell["weights"])


def _detail(cell: dict[str, Any]) -> str:
    detail, done = str(cell["detail"]), cell["epochs_done"]
    return f"{detail} of {cell['epochs']}" if done and detail.endswith(f"epoch {done}") else detail
