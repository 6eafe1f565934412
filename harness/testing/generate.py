"""Every check of a plugin, or of one of its methods, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.discovery.registry import Plugins
from harness.errors import HarnessError, did_you_mean
from harness.testing.checks.check import Check
from harness.testing.checks.methods import method_checks
from harness.testing.checks.plugin import plugin_checks


def checks_of(
    name: str, plugins: Plugins, roots: Mapping[str, Path] | None = None
) -> tuple[Check, ...]:
    """The checks.

    Args:
        name: of a plugin, or the id of a method, which is then checked alone.
        plugins: the installed ones.
        roots: dataset -> the folder to check it with; under ``""``, that of all others.

    Raises:
        HarnessError: no plugin and no method has this name.
    """
    return tuple(_checks(name, plugins, roots or {}))


def _checks(name: str, plugins: Plugins, roots: Mapping[str, Path]) -> Iterator[Check]:
    if name in plugins.methods:
        yield from method_checks(plugins.methods[name], plugins)
        return
    records = [record for record in plugins.records if record.name == name]
    if not records:
        known = [*(record.name for record in plugins.records), *plugins.methods]
        raise HarnessError(
            f"no plugin and no method is called {name!r}{did_you_mean(name, known)}; "
            "'harness plugins' lists them"
        )
    for record in records[:1]:
        yield from plugin_checks(record)
        for entry in plugins.methods.values():
            if entry.plugin == record.name:
                yield from method_checks(entry, plugins)
