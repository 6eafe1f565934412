"""What a shell offers after an option; ``harness completion`` prints the script that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def words(*known: str) -> Complete:
    """Offers these words."""
    return lambda ctx, parameter, begun: _starting(known, begun)


def methods(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Offers what ``--plugins`` takes, for the last of several patterns after commas."""
    from harness.discovery.registry import discover

    head, comma, last = begun.rpartition(",")
    found = discover().methods.values()
    keys = {
        f"{key}:{value}"
        for entry in found
        for key, value in (("task", entry.spec.task), ("family", entry.spec.family))
    }
    names = {"all", *(entry.plugin for entry in found), *(entry.id for entry in found), *keys}
    return [f"{head}{comma}{name}" for name in _starting(names, last)]


def datasets(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Offers the datasets that are installed."""
    from harness.discovery.registry import discover

    return _starting(discover().datasets, begun)


def plugins_and_methods(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Offers the plugins that are installed, and their methods."""
    from harness.discovery.registry import discover

    found = discover()
    return _starting({*(record.name for record in found.records), *found.methods}, begun)


def executors(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Offers the executors that are installed."""
    from harness.discovery.registry import discover

    return _starting(discover().executors, begun)


def loggers(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Offers the loggers that are installed, for the last of several after commas."""
    from harness.discovery.registry import discover

    head, comma, last = begun.rpartition(",")
    return [f"{head}{comma}{name}" for name in _starting(discover().loggers, last)]


def _starting(known: Iterable[str], begun: str) -> list[str]:
    return sorted(name for name in known if name.startswith(begun))
