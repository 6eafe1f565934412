"""How verbs about one cell are told which one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def cell_argument(command: Command) -> Command:
    """Adds CELL: what :func:`harness.results.lookup.find_cell` reads."""
    return click.argument("cell")(command)


def results_option(name: str) -> Callable[[Command], Command]:
    """Adds the option that names the folder where CELL is looked for."""
    return click.option(
        name,
        "results",
        type=click.Path(path_type=Path),
        default=Path("results"),
        metavar="DIR",
        help="Where the cell is looked for (default: results).",
    )
