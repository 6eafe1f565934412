"""Options that ``run`` and ``plan`` share.

:mod:`harness.planning.study_files.request` turns them into a request.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.cli.shared.completions import datasets, methods, words
from harness.cli.shared.past_runs import RESULTS
from harness.cli.shared.study_file_argument import study_file_argument
from harness.cli.words.short_options import short_options
from harness.protocol import PRESETS

Command = TypeVar("Command", bound=Callable[..., Any])

DATA_OPTIONS = (
    click.option(
        "--data-root", type=click.Path(path_type=Path), metavar="DIR", help="The dataset's folder."
    ),
    click.option(
        "--data-param",
        "data_params",
        multiple=True,
        metavar="NAME=VALUE",
        help="Change a parameter of the dataset, e.g. --data-param pad=true.",
    ),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="FIELD=NAME",
        help="Which column of the dataset's table is the path, label, mask, group, source or "
        "split, e.g. --column group=PatientID; empty for none.",
    ),
)

_OPTIONS = (
    study_file_argument(),
    click.option(
        "--plugins",
        "patterns",
        multiple=True,
        metavar="PATTERN",
        shell_complete=methods,
        help="Methods to run: all, ID, a method's or a plugin's name, a glob on ids, task:…, "
        "family:…, tag:…; separated by commas, or repeated. Default: all.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        shell_complete=methods,
        help="Methods to leave out.",
    ),
    click.option(
        "--dataset",
        metavar="NAME",
        shell_complete=datasets,
        help="Default: the embedded one.",
    ),
    *DATA_OPTIONS,
    click.option(
        "--skip-bad", is_flag=True, help="Leave out files that harness data verify calls bad."
    ),
    click.option(
        "--preset",
        "preset_name",
        default="quick",
        metavar="NAME",
        shell_complete=words(*PRESETS),
        help=f"Protocol: {', '.join(PRESETS)} (default: quick).",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change the preset, e.g. --set flip=true.",
    ),
    *short_options(),
    click.option(
        "--param",
        "params",
        multiple=True,
        metavar="[PATTERN:]NAME=VALUE",
        help="Change a method's parameter, e.g. --param supervised:head=study.",
    ),
    click.option(
        "--prompts",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Prompts of your own for methods that take some: adds METHOD@STEM-OF-FILE.",
    ),
    click.option(
        "--weights",
        metavar="WHAT",
        help="pretrained, random, a folder or a file (default: the preset's).",
    ),
    click.option(
        "--device",
        default="auto",
        metavar="NAME",
        shell_complete=words("auto", "cpu", "cuda"),
        help="auto, cpu, cuda or cuda:N.",
    ),
    click.option(
        "--precision",
        default="auto",
        metavar="NAME",
        shell_complete=words("auto", "fp32", "bf16", "fp16"),
        help="auto, fp32, bf16 or fp16.",
    ),
    click.option("--micro-batch", type=int, metavar="N", help="Split batches that do not fit."),
    click.option("--compile", "compiled", is_flag=True, help="Train through torch.compile."),
    click.option("--tf32", is_flag=True, help="Let a GPU round float32 factors (TensorFloat-32)."),
    click.option("--deterministic", is_flag=True, help="Repeatable bit by bit on a GPU; slower."),
    click.option("--time-only", is_flag=True, help="Measure speed; train nothing."),
    click.option("--seeds", default="0", metavar="N,N", help="Default: 0."),
    click.option(
        "--fractions", default="1", metavar="F,F", help="Of the training images (default: 1)."
    ),
    click.option(
        "--split",
        default="standard",
        metavar="NAME",
        help="standard (the dataset's own, or 72/8/20 by patient), or study (80/20, selected on "
        "the 20).",
    ),
    click.option(
        "--split-file", type=click.Path(path_type=Path), metavar="FILE", help="A split of your own."
    ),
    click.option(
        "--folds",
        type=int,
        metavar="K",
        help="Cross-validation: K splits by patient, every image tested once.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=RESULTS,
        metavar="RESULTS",
        help="The results folder, which study folders lie in (default: results).",
    ),
    click.option(
        "--name",
        metavar="NAME",
        help="Name of the study folder (default: <dataset>-<root>-<preset>).",
    ),
)


def study_options(command: Command) -> Command:
    """Adds the options that :func:`harness.planning.study_files.request.request_of` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
