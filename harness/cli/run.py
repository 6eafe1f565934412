"""``harness run``"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from harness.cli.shared.exit_codes import of_several
from harness.cli.shared.options import installed_plugins, study_options
from harness.cli.shared.print_report import broken_plugins, print_report
from harness.cli.shared.request import request_of
from harness.cli.shared.run_options import run_options
from harness.cli.shared.run_progress import WithHooks, progress
from harness.cli.shared.skip_bad import admission
from harness.cli.shared.study_file_argument import StudyCommand, blaming, run_of
from harness.cli.shared.units import number_of_bytes
from harness.discovery.registry import Plugins
from harness.discovery.select import meant
from harness.execution.hooks import Caller, caller, environment_facts, keep_selected
from harness.planning.plan import plan
from harness.planning.prompt_variants import check_prompts
from harness.planning.study_file import StudyFile
from harness.planning.study_runs import with_run
from harness.results.rundir import CellDirectory
from harness.runtime.surroundings import Surroundings
from harness.study import Request, Study


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one run."""

    study: Study
    plugins: Plugins
    code: int
    quiet: bool


def _finish(runs: list[Ran]) -> None:
    """The table of all runs, where their results are, and the exit code."""
    cells = {cell.directory: CellDirectory(cell.directory) for r in runs for cell in r.study.cells}
    plugins = runs[-1].plugins
    damaged = print_report(cells.values(), plugins, broken=broken_plugins(plugins))
    if not runs[0].quiet:
        for directory in dict.fromkeys(run.study.directory for run in runs):
            click.echo(f"results: {os.path.relpath(directory)}")
    codes = {run.code for run in runs} | ({1} if damaged else set())
    raise SystemExit(of_several(codes))


@click.command(name="run", cls=StudyCommand, finish=_finish)
@study_options
@run_options
@click.option("-q", "--quiet", is_flag=True, help="No notes and no progress: errors and the table.")
@click.option("--no-progress", is_flag=True, help="Do not show what cells do while they run.")
@click.option("--strict", is_flag=True, help="Exit with 1 if any plugin did not load.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    study_file: StudyFile | None,
    executor: str,
    jobs: int | None,
    threads: int | None,
    timeout: float | None,
    rerun: bool,
    device_memory: str | None,
    activation_space: str | None,
    keep_checkpoints: str,
    quiet: bool,
    no_progress: bool,
    strict: bool,
    prompts: Path | None,
    **options: Any,
) -> Ran:
    """Train, time and score methods; ends with the table.

    FILE is a study file (docs/study-files.md), or a folder with one: it says in lines what options
    say, and options win over it. Every run adds itself to <study>/study.toml, which repeats
    all that lies there.

    Interrupted and repeated, a run goes on where it stopped: finished cells are kept, an unfinished
    one resumes at its last epoch. "harness plan" with the same words shows what would run.

    \b
    harness run --plugins all
    harness run study.toml --device cuda:1
    harness run --plugins 'ssl/*,clip' --dataset radiography --data-root DIR --preset paper
    harness run --plugins supervised --seeds 0,1,2 --fractions 0.25,0.5,1
    harness run --plugins 'clip/vit_l14@mine' --prompts mine.txt --weights pretrained

    Exit codes: 0 all cells are ok or skipped by design, 1 some failed or a plugin that --plugins
    may mean did not load (with --strict: any plugin), 2 bad input, 3 nothing ran.
    """
    from harness.execution.devices import check_threads, slots
    from harness.execution.session import Options, exit_code, run_session

    surroundings = Surroundings.capture()

    def say(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    with blaming(study_file):
        check_threads(threads)
        limits = {
            "device_bytes": number_of_bytes("--device-memory", device_memory),
            "activation_bytes": number_of_bytes("--activation-space", activation_space),
            "keep_checkpoints": keep_checkpoints,
        }
        plugins = installed_plugins(prompts)
        request = request_of(study_file=study_file, threads=threads, **options)
        admit = admission(request.skip_bad, shown=not (quiet or no_progress))
        call = caller(plugins, _warn)
        study = keep_selected(plan(request, plugins, admit), call, _warn)
        if prompts is not None:
            check_prompts(study, prompts)
    for note in dict.fromkeys(study.notes):
        say(f"note: {note}")
    broken = plugins.broken if strict else meant(request.methods, request.exclude, plugins)
    for record in plugins.broken:
        if record not in broken:
            say(f"note: plugin {record.name!r} did not load; no method of it was asked for")
    study = _with_weights(study, request, plugins, call, say)
    code = 3
    call("harness_session_start", directory=study.directory, cells=study.cells)
    try:
        with (
            blaming(study_file),
            progress(len(study.cells), shown=not (quiet or no_progress)) as display,
        ):
            statuses = run_session(
                study,
                request.protocol,
                Options(
                    executor=executor,
                    slots=slots(request.device, jobs, threads),
                    timeout=timeout,
                    rerun=rerun,
                    facts=environment_facts(call, _warn),
                    limits=limits,
                    surroundings=surroundings,
                ),
                plugins,
                WithHooks(display, call),
                store_progress=display.preparing,
                say=display.say,
                command=tuple(sys.argv[1:]),
                file=partial(with_run, run_of(ctx, request, study)),
            )
        code = exit_code(statuses, broken=bool(broken))
    finally:
        call("harness_session_finish", directory=study.directory, exit_code=code)
    return Ran(study, plugins, code, quiet)


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


def _with_weights(
    study: Study,
    request: Request,
    plugins: Plugins,
    call: Caller,
    say: Callable[[str], None],
) -> Study:
    """The study after an attempt to fetch the weights that are missing here."""
    from harness.cli.weights import Transfers
    from harness.specs import card_from_json
    from harness.weights.transfer.fetching import fetch_missing

    wanted: dict[str, Any] = {
        cell.record["method"]["weights"]["id"]: cell.record["method"]["weights"]
        for cell in study.cells
        if cell.missing_weights
    }
    cards = [card_from_json(card) for card in wanted.values()]
    fetched = fetch_missing(cards, Transfers(), say)
    if not fetched:
        return study
    return keep_selected(plan(request, plugins, admission(request.skip_bad)), call, _warn)
