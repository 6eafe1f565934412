"""Options that say how cells are run. None of them changes a result; ``plan`` takes them as well,
so that a command can be tried by exchanging its verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from harness.cli.shared.completions import loggers, words
from harness.cli.words.value_types import Duration

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--executor",
        default="process",
        metavar="NAME",
        shell_complete=words("process", "inline"),
        help="process or inline (debugging).",
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
    """Adds ``executor, jobs, threads, timeout, rerun, device_memory, activation_space,
    keep_checkpoints`` and ``log``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
