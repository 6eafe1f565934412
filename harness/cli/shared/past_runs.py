"""How verbs are told of past runs: the results folder, a study folder in it, or one cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.cli.words.former_names import Renamed
from harness.errors import HarnessError

Command = TypeVar("Command", bound=Callable[..., Any])

RESULTS = Path("results")
"""The results folder unless another is named."""

FOLDER = click.Path(path_type=Path, file_okay=False)
"""Shells complete it with folders only."""


def results_argument(command: Command) -> Command:
    """Adds RESULTS: the results folder, or a study folder in it."""
    return click.argument(
        "results", metavar="[RESULTS]", required=False, type=FOLDER, callback=_one
    )(command)


def results_arguments(command: Command) -> Command:
    """The same for a verb that takes several."""
    return click.argument("results", metavar="[RESULTS]...", nargs=-1, type=FOLDER, callback=_all)(
        command
    )


def results_option(help: str, formerly: Sequence[str] = ()) -> Callable[[Command], Command]:
    """Adds ``--results``: the results folder, or a study folder in it, that a verb reads.

    Args:
        formerly: other names that the option had.
    """
    return click.option(
        "--results",
        cls=Renamed,
        formerly=formerly,
        type=FOLDER,
        default=RESULTS,
        metavar="RESULTS",
        help=f"{help} (default: results).",
    )


def cell_argument(command: Command) -> Command:
    """Adds CELL: what :func:`harness.results.browse.lookup.find_cell` reads."""
    return click.argument("cell")(command)


def _one(ctx: click.Context, parameter: click.Parameter, folder: Path | None) -> Path:
    return folder if folder is not None else _default(ctx)


def _all(
    ctx: click.Context, parameter: click.Parameter, folders: tuple[Path, ...]
) -> tuple[Path, ...]:
    return folders or (_default(ctx),)


def _default(ctx: click.Context) -> Path:
    if not RESULTS.is_dir():
        if Path("cells").is_dir() or any(Path().glob("*/cells")):
            raise HarnessError(
                f"no folder {str(RESULTS)!r} here, but this folder holds runs itself: "
                f"{ctx.command_path} ."
            )
        raise HarnessError(
            f"no folder {str(RESULTS)!r} here; name the results folder or a study folder: "
            f"{ctx.command_path} RESULTS"
        )
    return RESULTS
