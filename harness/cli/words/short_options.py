"""Options that are short for ``--set FIELD=VALUE``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click

from harness.planning.study_files.protocol_options import SHORT, with_short

_METAVARS: Mapping[str, str] = MappingProxyType(
    {"epochs": "N", "batch_size": "N", "image_size": "PIXELS"}
)


class ShortOption(click.Option):
    """Sets a field of the protocol. It is no key of a study file: it counts as a setting."""

    def __init__(self, *args: Any, field: str, **more: Any) -> None:
        super().__init__(*args, **more)
        self.field = field


def short_options() -> Sequence[Callable[[Any], Any]]:
    """One option per field of :data:`SHORT`."""
    return [
        click.option(
            *options,
            f"short_{field}",
            cls=ShortOption,
            field=field,
            metavar=_METAVARS.get(field, "X"),
            help=f"Short for --set {field}={_METAVARS.get(field, 'X')}.",
        )
        for field, options in SHORT.items()
    ]


def into_settings(command: click.Command, params: dict[str, Any], words: Sequence[str]) -> None:
    """Replaces the short options among ``params`` by settings.

    Args:
        words: the command line, which says by which of its names an option was given.

    Raises:
        HarnessError: an option and ``--set`` say different values of one field.
    """
    short = {}
    for option in command.params:
        if isinstance(option, ShortOption):
            value = params.pop(option.name or "", None)
            if value is not None:
                named = [name for name in option.opts if _is_among(name, words)]
                short[option.field] = (f"{(*named, *option.opts)[0]} {value}", value)
    params["settings"] = with_short(short, params["settings"])


def _is_among(name: str, words: Sequence[str]) -> bool:
    return any(word == name or word.startswith(f"{name}=") for word in words)
