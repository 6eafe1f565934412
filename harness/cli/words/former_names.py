"""Options that still take the name that they once had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click


class Renamed(click.Option):
    """An option that is also given by its former names, which no help and no shell shows."""

    def __init__(self, *args: Any, formerly: Sequence[str], **more: Any) -> None:
        super().__init__(*args, **more)
        self.formerly = tuple(formerly)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        parser.add_option(
            obj=self, opts=list(self.formerly), dest=self.name, action="store", nargs=self.nargs
        )
