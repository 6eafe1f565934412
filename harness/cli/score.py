"""``harness score``"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import click

from harness.cli.options import installed_plugins
from harness.errors import HarnessError
from harness.results.predictions import Reference
from harness.results.record import CellRecord
from harness.results.rundir import find_cells
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
    now.
    """
    plugins = installed_plugins()

    @cache
    def masks(name: str, root: str | None, fingerprint: str) -> Reference:
        from harness.study import open_dataset

        folder = None if root is None else data_root or Path(root)
        return reference_masks(open_dataset(plugins, name, folder)[1], fingerprint)

    def reference(record: CellRecord) -> Reference:
        dataset = record["dataset"]
        return lambda ids: masks(dataset["name"], dataset["root"], dataset["fingerprint"])(ids)

    scored = 0
    for cell in find_cells(directory):
        status = cell.status
        if status is None or status["status"] != "ok" or not cell.sets:
            continue
        record = cell.cell
        task = plugins.tasks.get(record["method"]["task"])
        if task is None:
            raise HarnessError(
                f"{record['id']}: no plugin offers its task {record['method']['task']!r} any more"
            )
        kinds = {target.kind for target in task.spec.targets}
        metrics = [e.spec for e in plugins.metrics.values() if e.spec.kind in kinds]
        cell.write_metrics(score_cell(cell, metrics, task.spec.primary, reference(record)))
        scored += 1
    if scored == 0:
        raise HarnessError(f"{directory}: no finished cell has predictions to score")
    click.echo(f"scored {scored} cells; harness report {directory} shows them")
