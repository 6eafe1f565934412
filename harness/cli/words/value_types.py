"""Values of options that may have a unit."""

from __future__ import annotations

from typing import Any

import click

from harness.planning.units import duration, number_of_pixels


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A time in seconds, or with a unit (``10m``); becomes a float."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        return duration(_option(param), str(value), "timeout")


class Pixels(click.IntRange):
    """The side of a square image, ``512`` or ``512px``; becomes an int."""

    name = "pixels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(number_of_pixels(_option(param), str(value)), param, ctx)


def _option(param: click.Parameter | None) -> str:
    return "" if param is None else param.opts[0]
