"""``harness score``"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import click

from harness.cli.counting import counting
from harness.cli.options import installed_plugins
from harness.errors import HarnessError
from harness.plugins import Plugins
from harness.results.predictions import Reference
from harness.results.record import CellRecord, DatasetRecord
from harness.results.rundir import CellDirectory, find_cells
from harness.results.scoring import reference_masks, score_cell


@click.command(name="score")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The dataset's folder, where it has moved since the run.",
)
def command(directory: Path, data_root: Path | None) -> None:
    """Compute the metrics again from the stored predictions; nothing is trained.

    DIRECTORY is a study's folder, or one above it. Metrics are those that installed plugins offer
    now. Reference masks are read from the dataset, which must be the one of the run.

    \b
    harness score results
    harness score results/radiography-films-paper --data-root DIR

    Exit codes: 0, or 2 where there is nothing to score or the dataset is another one.
    """
    plugins = installed_plugins()

    @cache
    def masks(text: str) -> Reference:
        from harness.data.admission import leave_out
        from harness.study import find_dataset, open_dataset

        entry: DatasetRecord = json.loads(text)
        spec = replace(find_dataset(plugins, entry["name"]), params=entry["params"])
        folder = None if entry["root"] is None else data_root or Path(entry["root"])
        dataset, gone = open_dataset(spec, folder), entry.get("left_out", {})
        if any(gone.values()):
            dataset = leave_out(dataset, gone["images"], gone["masks"])
        return reference_masks(dataset, entry["fingerprint"])

    def reference(record: CellRecord) -> Reference:
        text = json.dumps(record["dataset"], sort_keys=True)
        return lambda ids: masks(text)(ids)

    cells = [cell for cell in find_cells(directory) if _has_predictions(cell)]
    if not cells:
        raise HarnessError(f"{directory}: no finished cell has predictions to score")
    with counting("scoring cells") as report:
        for done, cell in enumerate(cells, start=1):
            _score(cell, plugins, reference(cell.cell))
            report(done, len(cells))
    click.echo(f"scored {len(cells)} cells; harness report {directory} shows them")


def _has_predictions(cell: CellDirectory) -> bool:
    status = cell.status
    return status is not None and status["status"] == "ok" and bool(cell.sets)


def _score(cell: CellDirectory, plugins: Plugins, reference: Reference) -> None:
    record = cell.cell
    task = plugins.tasks.get(record["method"]["task"])
    if task is None:
        raise HarnessError(
            f"{record['id']}: no plugin offers its task {record['method']['task']!r} any more"
        )
    kinds = {target.kind for target in task.spec.targets}
    metrics = [e.spec for e in plugins.metrics.values() if e.spec.kind in kinds]
    scores = score_cell(cell, metrics, task.spec.primary, reference)
    # Writing safely takes longer than computing: what is the same stays.
    if scores != cell.metrics:
        cell.write_metrics(scores)
