"""``harness run``"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from harness.api.how import How, OnInterrupt
from harness.api.session import Ran, Voice, execute, prepare
from harness.cli.shared.exit_codes import of_several
from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.options import study_options
from harness.cli.shared.plugin_options import choice_options
from harness.cli.shared.print_report import broken_plugins, print_report
from harness.cli.shared.print_screen import print_screen
from harness.cli.shared.run_options import run_options
from harness.cli.shared.study_file_argument import (
    StudyCommand,
    blaming,
    given_keys,
    params_of,
    words_of,
)
from harness.planning.datasets import mapped_root
from harness.planning.study_files.request import request_of
from harness.planning.study_files.study_file import StudyFile
from harness.results.rundir import CellDirectory
from harness.runtime.surroundings import Surroundings


def _finish(finished: list[tuple[Ran, bool, datetime]]) -> None:
    """The last screen of all runs, or their table with --quiet, and the exit code."""
    runs, (_, quiet, started) = [ran for ran, *_ in finished], finished[0]
    cells = {cell.directory: CellDirectory(cell.directory) for r in runs for cell in r.study.cells}
    plugins = runs[-1].plugins
    if quiet:
        damaged = print_report(cells.values(), plugins, broken=broken_plugins(plugins))
    else:
        folders = [run.study.directory for run in runs]
        pages = [run.page for run in runs if run.page is not None]
        damaged = print_screen(cells.values(), plugins, folders, pages, started=started)
    codes = {run.code for run in runs} | ({1} if damaged else set())
    raise SystemExit(of_several(codes))


@click.command(name="run", cls=StudyCommand, finish=_finish)
@study_options
@choice_options
@run_options
@click.option("-q", "--quiet", is_flag=True, help="No notes and no progress: errors and the table.")
@click.option("--no-progress", is_flag=True, help="Do not show what cells do while they run.")
@click.option(
    "--detach", is_flag=True, help="Submit cells to other machines and return; repeat to collect."
)
@click.option("--strict", is_flag=True, help="Exit with 1 if any plugin did not load.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    study_file: StudyFile | None,
    executor: str,
    executor_params: tuple[str, ...],
    retries: int,
    on_interrupt: OnInterrupt | None,
    detach: bool,
    jobs: int | None,
    threads: int | None,
    timeout: float | None,
    rerun: bool,
    device_memory: str | None,
    activation_space: str | None,
    keep_checkpoints: str,
    log: tuple[str, ...],
    quiet: bool,
    no_progress: bool,
    strict: bool,
    prompts: Path | None,
    plugin: tuple[Path, ...],
    disable_plugins: tuple[str, ...],
    only_plugins: tuple[str, ...],
    **options: Any,
) -> tuple[Ran, bool, datetime]:
    """Train, time and score methods; ends with what they show.

    FILE is a study file (docs/study-files.md), or a folder with one: it holds options as
    lines, and those of the command line win. Every run adds itself to <study>/study.toml, which
    repeats all runs of the study.

    An interrupted run resumes when it is repeated: finished cells are kept, an unfinished one
    continues after its last epoch. "harness plan" with the same arguments shows what would run.

    \b
    harness run --plugins all
    harness run study.toml --device cuda:1
    harness run --plugins 'ssl/*,clip' --dataset radiography --data-root DIR --preset paper
    harness run --plugins supervised --seeds 0,1,2 --fractions 0.25,0.5,1
    harness run --plugins 'clip/vit_l14@mine' --prompts mine.txt --weights pretrained

    Exit codes: 0 all cells are ok or skipped by design, 1 some failed or a plugin that --plugins
    may match did not load (with --strict: any plugin), 2 bad input, 3 nothing ran.
    """
    surroundings, started = Surroundings.capture(), datetime.now(UTC)

    def say(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    root, there = mapped_root(options.pop("data_root"))
    ask = _ask if sys.stdin.isatty() and sys.stderr.isatty() else None
    voice = Voice(say=say, warn=_warn, ask=ask, shown=not (quiet or no_progress))
    how = How(
        executor=executor,
        executor_params=params_of(study_file, executor, executor_params),
        retries=retries,
        on_interrupt=on_interrupt,
        detach=detach,
        data_root_there=there,
        jobs=jobs,
        threads=threads,
        timeout=timeout,
        rerun=rerun,
        device_memory=device_memory,
        activation_space=activation_space,
        keep_checkpoints=keep_checkpoints,
        log=log,
        strict=strict,
    )
    with blaming(study_file):
        request = request_of(study_file=study_file, threads=threads, data_root=root, **options)
        plugins = found_plugins(
            prompts,
            asked=request.methods,
            exclude=request.exclude,
            plugin=plugin,
            disable_plugins=disable_plugins,
            only_plugins=only_plugins,
        )
        prepared = prepare(request, how, plugins, voice, surroundings, prompts=prompts)
        ran = execute(prepared, command=("run", *words_of(ctx)), given=given_keys(ctx))
    return ran, quiet, started


def _ask(text: str) -> str:
    click.echo(text, err=True, nl=False)
    return sys.stdin.readline()


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)
