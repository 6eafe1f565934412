"""``harness plan``"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from harness.api.how import How, OnInterrupt
from harness.api.session import on
from harness.api.skip_bad import admission, recollection
from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.options import study_options
from harness.cli.shared.plan_output import as_json, as_text
from harness.cli.shared.plugin_options import choice_options
from harness.cli.shared.run_options import run_options
from harness.cli.shared.study_file_argument import StudyCommand, blaming, params_of
from harness.cli.shared.terminal import terminal_width
from harness.execution.hooks import Caller, keep_selected
from harness.planning.datasets import mapped_root
from harness.planning.forecasts.forecast import Forecast, forecast
from harness.planning.plan import plan
from harness.planning.prompt_variants import check_prompts
from harness.planning.study_files.request import request_of
from harness.planning.study_files.study_file import StudyFile
from harness.storage.cache import cache_directory
from harness.study import Study


@dataclass(frozen=True, slots=True)
class Planned:
    """What one run would do."""

    study: Study
    told: Forecast
    as_json: bool
    quiet: bool


def _finish(plans: list[Planned]) -> None:
    if plans[0].as_json:
        runs = [as_json(planned.study, planned.told) for planned in plans]
        every = {"cells": [cell for run in runs for cell in run["cells"]], "runs": runs}
        click.echo(json.dumps(runs[0] if len(runs) == 1 else every, indent=2))
        return
    if not plans[0].quiet:
        for note in dict.fromkeys(note for planned in plans for note in planned.study.notes):
            click.echo(f"note: {note}", err=True)
    texts = [as_text(planned.study, planned.told, terminal_width()) for planned in plans]
    click.echo("\n\n".join(texts))


@click.command(name="plan", cls=StudyCommand, finish=_finish)
@study_options
@choice_options
@run_options
@click.option("-q", "--quiet", is_flag=True, help="No notes about the data.")
@click.option("--json", "as_json_text", is_flag=True, help="The whole plan as JSON.")
def command(
    study_file: StudyFile | None,
    jobs: int | None,
    threads: int | None,
    rerun: bool,
    keep_checkpoints: str,
    log: tuple[str, ...],
    prompts: Path | None,
    plugin: tuple[Path, ...],
    disable_plugins: tuple[str, ...],
    only_plugins: tuple[str, ...],
    quiet: bool,
    as_json_text: bool,
    executor: str,
    executor_params: tuple[str, ...],
    retries: int,
    on_interrupt: OnInterrupt | None,
    timeout: float | None,
    device_memory: str | None,
    activation_space: str | None,
    **options: Any,
) -> Planned:
    """Show the cells of a run, what is missing, and the estimated time, memory and disk; runs
    nothing.

    Takes the arguments of "harness run", including a study file. Time and memory are estimated from
    finished cells under --out: those of the same method, at the same size, batch and precision,
    with the same processor, GPU and threads; everything else is unknown. Only facts about the
    dataset's files are written, to the cache.

    \b
    harness plan --plugins 'ssl/*' --dataset radiography --data-root DIR --preset paper
    harness plan study.toml
    harness plan study.toml --seeds 0 --json

    Exit codes: 0, or 2 for bad input.
    """
    with blaming(study_file):
        root, there = mapped_root(options.pop("data_root"))
        request = request_of(study_file=study_file, threads=threads, data_root=root, **options)
        admit = admission(skip_bad=True) if request.skip_bad else recollection
        plugins = found_plugins(
            prompts,
            asked=request.methods,
            exclude=request.exclude,
            plugin=plugin,
            disable_plugins=disable_plugins,
            only_plugins=only_plugins,
        )
        how = How(
            executor=executor,
            executor_params=params_of(study_file, executor, executor_params),
            retries=retries,
            on_interrupt=on_interrupt,
            data_root_there=there,
            jobs=jobs,
            threads=threads,
            timeout=timeout,
            rerun=rerun,
            device_memory=device_memory,
            activation_space=activation_space,
            keep_checkpoints=keep_checkpoints,
            log=log,
        )
        how.limits(plugins)
        placed = how.placed(plugins, request.device)
        request = on(placed, request)
        call = Caller(plugins, _warn)
        study = keep_selected(plan(request, plugins, admit), call, _warn)
        if prompts is not None:
            check_prompts(study, prompts)
        told = forecast(
            study,
            out=request.out,
            image_sizes=request.image_sizes,
            slots=placed.for_cells(len(study.cells)),
            cache=cache_directory(),
            keep_checkpoints=keep_checkpoints,
            rerun=rerun,
        )
    return Planned(study, told, as_json_text, quiet)


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)
