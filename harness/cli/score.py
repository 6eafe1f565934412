"""``harness score``"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import click

from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.past_runs import results_argument
from harness.cli.shared.plugin_options import local_option
from harness.discovery.registry import Plugins
from harness.errors import HarnessError, said
from harness.metrics.scoring import CellScores, reference_masks
from harness.progress.counting import counting
from harness.results.browse.lookup import method_of
from harness.results.checks.kept_metrics import kept, with_kept
from harness.results.checks.reference import Table, Tables, compare
from harness.results.checks.required_files import RUN_AGAIN, missing_predictions
from harness.results.predictions import Reference
from harness.results.record import CellRecord, MetricsRecord
from harness.results.rundir import CellDirectory, find_cells
from harness.results.spec_record import DatasetRecord
from harness.values.wording import counted


@click.command(name="score")
@results_argument
@local_option
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The dataset's folder, if it has moved since the run.",
)
def command(results: Path, data_root: Path | None, plugin: tuple[Path, ...]) -> None:
    """Recompute the metrics from the stored predictions; nothing is trained.

    RESULTS is the results folder (default: results), or a study folder in it. Uses the metrics
    that installed plugins offer now; values of others are kept. Reference masks are read from the
    dataset, which must be that of the run.

    \b
    harness score
    harness score results/radiography-films-paper --data-root DIR

    Exit codes: 0, 1 where a cell could not be scored (its values stay as they were), or 2 where
    none could, or the dataset is another one.
    """
    plugins = found_plugins(plugin=plugin)

    @cache
    def masks(text: str) -> Reference:
        from harness.data.left_out import leave_out
        from harness.planning.datasets import find_dataset, open_dataset

        entry: DatasetRecord = json.loads(text)
        spec = replace(find_dataset(plugins, entry["name"]), params=entry["params"])
        folder = None if entry["root"] is None else data_root or Path(entry["root"])
        try:
            dataset = open_dataset(spec, folder)
        except HarnessError:
            raise
        # Whatever a dataset's code makes of parameters that a record holds.
        except Exception as error:
            raise HarnessError(
                f"dataset {spec.name!r} cannot be opened with the recorded parameters "
                f"({said(error)})"
            ) from error
        gone = entry.get("left_out", {})
        if any(gone.values()):
            dataset = leave_out(dataset, gone["images"], gone["masks"])
        return reference_masks(dataset, entry["fingerprint"])

    def reference(record: CellRecord) -> Reference:
        text = json.dumps(record["dataset"], sort_keys=True)
        return lambda ids: masks(text)(ids)

    tables = Tables()
    cells = [cell for cell in find_cells(results) if _has_predictions(cell)]
    if not cells:
        raise HarnessError(f"{results}: no finished cell has predictions to score")
    failed: dict[CellDirectory, str] = {}
    not_offered: set[str] = set()
    started: dict[CellDirectory, CellScores] = {}

    def start(cell: CellDirectory) -> None:
        record = cell.cell
        if lost := missing_predictions(cell, record, _stored(cell)):
            raise HarnessError(f"{', '.join(map(str, lost))} is missing; {RUN_AGAIN}")
        table = tables.of(cell, record)
        if isinstance(table, Table):
            compare(cell, record, table)
        started[cell] = _scores(cell, record, plugins, reference(record))

    def finish(cell: CellDirectory) -> None:
        stored, computed = _stored(cell), started.pop(cell).finish()
        scores = with_kept(cell.path / "metrics.json", stored, computed)
        # Writing safely takes longer than computing: what is the same stays.
        if scores != stored:
            cell.write_metrics(scores)
        not_offered.update(kept(stored, computed))

    # What a plugin's metric changes while it is imported must change no metric of the harness, in
    # any cell: those of all cells come first.
    with counting("scoring cells") as report:
        steps = [(work, cell) for work in (start, finish) for cell in cells]
        for done, (work, cell) in enumerate(steps, start=1):
            try:
                if cell not in failed:
                    work(cell)
            except HarnessError as error:
                failed[cell] = str(error)
            except OSError as error:
                where = error.filename or cell.path
                failed[cell] = f"{where} cannot be read or written ({error.strerror})"
            report(done // 2, len(cells))
    if len(failed) == len(cells):
        raise HarnessError("\n".join(dict.fromkeys(failed.values())))
    for cell, reason in failed.items():
        click.echo(f"not scored: {method_of(cell)} {cell.path.name}: {reason}", err=True)
    if not_offered:
        names = ", ".join(sorted(not_offered))
        click.echo(f"no installed plugin offers {names}: recorded values are kept", err=True)
    done = len(cells) - len(failed)
    click.echo(f"scored {counted(done, 'cell')}; to see the table: harness report {results}")
    if failed:
        raise SystemExit(1)


def _has_predictions(cell: CellDirectory) -> bool:
    """Also true where they are missing or the status is damaged, so that the cell is listed as not
    scored; not for a cell that was only timed."""
    try:
        status = cell.status
    except HarnessError:
        return bool(cell.sets)
    if status is None or status["status"] != "ok":
        return False
    try:
        return bool(cell.sets) or not cell.cell["protocol"].get("time_only")
    except HarnessError:
        return True


def _scores(
    cell: CellDirectory, record: CellRecord, plugins: Plugins, reference: Reference
) -> CellScores:
    _ = cell.status
    task = plugins.tasks.get(record["method"]["task"])
    if task is None:
        raise HarnessError(
            f"{record['id']}: no plugin offers its task {record['method']['task']!r} any more"
        )
    kinds = {target.kind for target in task.spec.targets}
    entries = [entry for entry in plugins.metrics.values() if entry.spec.kind in kinds]
    return CellScores(
        cell,
        [entry.spec for entry in entries],
        # The record has what the protocol selected by instead of the task's own.
        tuple(record["task"].get("primary", task.spec.primary))
        if record["protocol"].get("select_by")
        else task.spec.primary,
        reference,
        {entry.spec.name: entry.plugin for entry in entries},
    )


def _stored(cell: CellDirectory) -> MetricsRecord | None:
    """The stored metrics; None where they are missing or damaged, and are to be written again."""
    try:
        return cell.metrics
    except HarnessError:
        return None
