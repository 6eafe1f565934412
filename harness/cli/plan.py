"""``harness plan``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from harness.cli.admission import admission, recollection
from harness.cli.options import installed_plugins, study_options
from harness.cli.plan_output import as_json, as_text
from harness.cli.request import request_of
from harness.cli.run_options import run_options
from harness.cli.study_file import blaming
from harness.cli.terminal import terminal_width
from harness.data.cache import cache_directory
from harness.forecast import forecast
from harness.study import plan
from harness.studyfile import StudyFile
from harness.variants import check_prompts


@click.command(name="plan")
@study_options
@run_options
@click.option("-q", "--quiet", is_flag=True, help="No notes about the data.")
@click.option("--json", "as_json_text", is_flag=True, help="Everything that is known, as JSON.")
def command(
    study_file: StudyFile | None,
    jobs: int | None,
    threads: int | None,
    rerun: bool,
    keep_checkpoints: str,
    prompts: Path | None,
    quiet: bool,
    as_json_text: bool,
    executor: str,
    timeout: float | None,
    device_memory: str | None,
    activation_space: str | None,
    **options: Any,
) -> None:
    """Show the cells that a run would have and what they lack, take and share; run nothing.

    Takes the words of "harness run", a study file too. Time and memory are told from finished
    cells under --out: those of the same method, at the same size, batch and precision, with the
    same processor, GPU and threads; everything else is unknown. Nothing is written but what the
    cache remembers of the dataset's files.

    \b
    harness plan --plugins 'ssl/*' --dataset radiography --data-root DIR --preset paper
    harness plan study.toml
    harness plan study.toml --seeds 0 --json

    Exit codes: 0, or 2 for bad input.
    """
    from harness.execution.devices import slots

    with blaming(study_file):
        request = request_of(study_file=study_file, threads=threads, **options)
        admit = admission(skip_bad=True) if request.skip_bad else recollection
        study = plan(request, installed_plugins(prompts), admit)
        if prompts is not None:
            check_prompts(study, prompts)
        told = forecast(
            study,
            out=request.out,
            image_size=request.protocol.image_size,
            slots=slots(request.device, jobs, threads),
            cache=cache_directory(),
            keep_checkpoints=keep_checkpoints,
            rerun=rerun,
        )
    if as_json_text:
        click.echo(json.dumps(as_json(study, told), indent=2))
        return
    if not quiet:
        for note in dict.fromkeys(study.notes):
            click.echo(f"note: {note}", err=True)
    click.echo(as_text(study, told, terminal_width()))
