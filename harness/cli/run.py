"""``harness run``"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cli.options import installed_plugins, number_of_bytes, request_of, study_options
from harness.cli.progress import WithHooks, progress
from harness.cli.tables import broken_plugins, print_report
from harness.errors import HarnessError
from harness.plugins import Plugins
from harness.results.rundir import CellDirectory
from harness.study import Request, Study, plan
from harness.variants import check_prompts


@click.command(name="run")
@study_options
@click.option(
    "--executor", default="process", metavar="NAME", help="process or inline (debugging)."
)
@click.option(
    "--jobs", type=click.IntRange(1), help="Cells side by side (default: one per core or GPU)."
)
@click.option("--threads", type=click.IntRange(1), help="Per cell (default: 1 on a CPU).")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Per cell."
)
@click.option("--rerun", is_flag=True, help="Run finished cells again.")
@click.option(
    "--device-memory",
    metavar="SIZE",
    help="Of a GPU, for images and activations, e.g. 8GB (default: half of what is free); what "
    "does not fit is streamed.",
)
@click.option(
    "--activation-space",
    metavar="SIZE",
    help="On disk, for the activations of one frozen prefix (default: half of what is free).",
)
def command(
    executor: str,
    jobs: int | None,
    threads: int | None,
    timeout: float | None,
    rerun: bool,
    device_memory: str | None,
    activation_space: str | None,
    prompts: Path | None,
    **options: Any,
) -> None:
    """Train, time and score methods; ends with the table.

    Interrupted and repeated, it goes on where it stopped: finished cells are kept, an unfinished
    one resumes at its last epoch.

    \b
    harness run --plugins all
    harness run --plugins 'ssl/*,clip' --dataset radiography --data-root DIR --preset paper
    harness run --plugins supervised --seeds 0,1,2 --fractions 0.25,0.5,1
    harness run --plugins 'clip/vit_l14@mine' --prompts mine.txt --weights pretrained
    """
    from harness.execution.devices import slots
    from harness.execution.session import Options, exit_code, run_session

    limits = {
        "device_bytes": number_of_bytes("--device-memory", device_memory),
        "activation_bytes": number_of_bytes("--activation-space", activation_space),
    }
    plugins = installed_plugins(prompts)
    request = request_of(**options)
    study = _keep(plan(request, plugins), plugins)
    if prompts is not None:
        check_prompts(study, prompts)
    for note in dict.fromkeys(study.notes):
        click.echo(f"note: {note}", err=True)
    study = _with_weights(study, request, plugins)
    code = 3
    _call(plugins)("harness_session_start", directory=study.directory, cells=study.cells)
    try:
        with progress(len(study.cells)) as display:
            statuses = run_session(
                study,
                request.protocol,
                Options(
                    executor=executor,
                    slots=slots(request.device, jobs, threads),
                    timeout=timeout,
                    rerun=rerun,
                    facts=dict(_call(plugins)("harness_environment")),
                    limits=limits,
                ),
                plugins,
                WithHooks(display, _call(plugins)),
                store_progress=display.preparing,
                say=display.say,
                command=tuple(sys.argv[1:]),
            )
        code = exit_code(statuses, broken=bool(plugins.broken))
    finally:
        _call(plugins)("harness_session_finish", directory=study.directory, exit_code=code)
    cells = [CellDirectory(cell.directory) for cell in study.cells]
    print_report(cells, plugins, broken=broken_plugins(plugins))
    click.echo(f"results: {os.path.relpath(study.directory)}")
    raise SystemExit(code)


def _call(plugins: Plugins) -> Callable[..., list[tuple[str, Any]]]:
    def call(name: str, **arguments: Any) -> list[tuple[str, Any]]:
        def warn(plugin: str, error: BaseException) -> None:
            click.echo(f"warning: hook {name} of plugin {plugin!r} failed: {error!r}", err=True)

        return plugins.call(name, warn, **arguments)

    return call


def _keep(study: Study, plugins: Plugins) -> Study:
    """The cells that every plugin with an opinion keeps."""
    cells = study.cells
    for plugin, chosen in _call(plugins)("harness_select_cells", cells=cells):
        names = {(cell.id, cell.name) for cell in chosen}
        if unknown := names - {(cell.id, cell.name) for cell in study.cells}:
            raise HarnessError(
                f"plugin {plugin!r} selected a cell that is not planned: {min(unknown)}"
            )
        cells = tuple(cell for cell in cells if (cell.id, cell.name) in names)
    if not cells:
        raise HarnessError("no cell is left to run; see --plugins, --exclude and installed plugins")
    return replace(study, cells=cells)


def _with_weights(study: Study, request: Request, plugins: Plugins) -> Study:
    """The study after an attempt to fetch the weights that are missing here."""
    from harness.cli.weights import Transfers
    from harness.specs import card_from_json
    from harness.weights import fetch_missing

    wanted: dict[str, Any] = {
        cell.record["method"]["weights"]["id"]: cell.record["method"]["weights"]
        for cell in study.cells
        if cell.missing_weights
    }
    cards = [card_from_json(card) for card in wanted.values()]
    fetched = fetch_missing(cards, Transfers(), lambda text: click.echo(text, err=True))
    return _keep(plan(request, plugins), plugins) if fetched else study
