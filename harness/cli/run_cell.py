"""``harness run-cell``"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click


@click.command(name="run-cell")
@click.argument("directory", metavar="CELL", type=click.Path(path_type=Path))
@click.option(
    "--device",
    default="auto",
    metavar="NAME",
    help="cpu, cuda or cuda:N (default: what the cell was planned for).",
)
@click.option("--threads", type=click.IntRange(1), default=1, help="Default: 1.")
@click.option(
    "--asked",
    type=float,
    metavar="SECONDS",
    help="When the cell was asked for, in seconds since 1970 (default: now).",
)
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The dataset's folder on this machine (default: where the study says).",
)
@click.option(
    "--with-parent", is_flag=True, help="End when the process that has started this one ends."
)
def command(
    directory: Path,
    device: str,
    threads: int,
    asked: float | None,
    data_root: Path | None,
    with_parent: bool,
) -> None:
    """Run one cell of a study: what an executor starts on another machine.

    CELL is the path of one that a run has prepared, as its executor was given it. Everything but
    the exit code goes into its files. A cell that has its status is left alone; one that was
    interrupted continues from its checkpoint. Where harness, libraries, plugin or data are others
    than those that the cell was planned with, it is refused.

    \b
    harness run-cell CELL --device cuda:1
    harness run-cell CELL --data-root /scratch/films

    Exit codes: 0 ok or skipped by design, 1 anything else that has left a status, 2 there is no
    cell in the folder, 128 and more: killed by that signal, and it has left none.
    """
    from harness.execution.devices import check_device_name
    from harness.execution.workers.run_alone import (
        planned_device,
        process_began,
        run_alone,
        wanted_environment,
    )
    from harness.machine import Resources

    check_device_name(device)
    if device == "auto":
        device = planned_device(directory)
    if missing := wanted_environment():
        words = [sys.executable, "-P", "-m", "harness", *sys.argv[1:]]
        os.execve(sys.executable, words, {**os.environ, **missing})
    began = process_began()
    resources = Resources(
        device="cuda:0" if device == "cuda" else device, threads=threads, concurrent=False
    )
    asked = min(time.time(), began) if asked is None else asked
    code = run_alone(
        directory,
        resources,
        asked=asked,
        began=began,
        data_root=data_root,
        with_parent=with_parent,
    )
    raise SystemExit(code)
