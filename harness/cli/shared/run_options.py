"""Options that say how cells are run. None of them changes a result; ``plan`` takes them as well,
so that a command can be tried by exchanging its verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from harness.cli.shared.completions import executors, loggers
from harness.cli.words.value_types import Duration

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--executor",
        default="process",
        metavar="NAME",
        shell_complete=executors,
        help="process, inline (debugging), slurm or ray (default: process).",
    ),
    click.option(
        "--executor-param",
        "executor_params",
        multiple=True,
        metavar="NAME=VALUE",
        help="Change a parameter of the executor, e.g. --executor-param partition=gpu.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0),
        default=2,
        metavar="N",
        help="How often a cell is submitted again after its machine was lost (default: 2).",
    ),
    click.option(
        "--on-interrupt",
        type=click.Choice(["keep", "cancel"]),
        help="Whether cells on other machines go on when the run is interrupted (default: ask on a "
        "terminal, else keep).",
    ),
    click.option(
        "--jobs", type=click.IntRange(1), help="Cells at a time (default: one per core or GPU)."
    ),
    click.option("--threads", type=click.IntRange(1), help="Per cell (default: 1 on a CPU)."),
    click.option(
        "--timeout", type=Duration(), metavar="TIME", help="Per cell: seconds, or e.g. 10m, 1h30m."
    ),
    click.option("--rerun", is_flag=True, help="Run finished cells again."),
    click.option(
        "--device-memory",
        metavar="SIZE",
        help="Of a GPU, for images and activations, e.g. 8GB (default: half of what is free); what "
        "does not fit is streamed.",
    ),
    click.option(
        "--activation-space",
        metavar="SIZE",
        help="On disk, for the activations of one frozen prefix (default: half of what is free).",
    ),
    click.option(
        "--keep-checkpoints",
        type=click.Choice(["none", "best", "all"]),
        default="best",
        help="Of a cell that is ok: none, the weights of the best epoch, or the training state of "
        "the last epoch as well (default: best).",
    ),
    click.option(
        "--log",
        multiple=True,
        metavar="NAME,NAME",
        shell_complete=loggers,
        help="Also log every cell to tensorboard, mlflow or wandb, in <study>/loggers.",
    ),
)


def run_options(command: Command) -> Command:
    """Adds ``executor, executor_params, retries, on_interrupt, jobs, threads, timeout, rerun,
    device_memory, activation_space, keep_checkpoints`` and ``log``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
