"""Options that say which plugins a verb uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def local_option(command: Command) -> Command:
    """Adds ``--plugin PATH``, which the command takes as ``plugin``."""
    return click.option(
        "--plugin",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="Also use the plugin in this file or folder, which is not installed.",
    )(command)


def choice_options(command: Command) -> Command:
    """Adds ``plugin``, ``disable_plugins`` and ``only_plugins``."""
    for name, text in (
        ("--only-plugins", "Of third parties' plugins, load these only."),
        ("--disable-plugins", "Load all plugins but these."),
    ):
        option = click.option(name, multiple=True, metavar="NAME,NAME", help=text)
        command = option(command)
    return local_option(command)
