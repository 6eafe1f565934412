"""The loggers that a run names: found, checked, and their hooks set beside those of plugins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.discovery.describe import Implementation, implementations_of
from harness.discovery.registry import Entry, Plugins
from harness.discovery.requirements import what_to_install
from harness.errors import HarnessError, did_you_mean, said
from harness.runtime.resolve import resolve
from harness.runtime.surroundings import undisturbed
from harness.specs import LoggerSpec

_MAY_HAVE = ("harness_session_", "harness_cell_")
"""What the names of a logger's hooks begin with."""


def check_loggers(names: Iterable[str], plugins: Plugins) -> tuple[Entry[LoggerSpec], ...]:
    """The loggers that ``--log`` names; none of their code is imported.

    Args:
        names: each one name, or several with commas between them.

    Raises:
        HarnessError: no plugin offers one of them, or packages that it needs are not installed.
    """
    asked = [name.strip() for text in names for name in text.split(",")]
    for name in asked:
        if name not in plugins.loggers:
            known = plugins.loggers
            raise HarnessError(
                f"--log: unknown logger {name!r}{did_you_mean(name, known)}; "
                f"loggers: {', '.join(known) or 'none'}",
                about="log",
            )
    chosen = tuple(plugins.loggers[name] for name in dict.fromkeys(asked))
    absent = [
        f"--log {entry.spec.name}: needs packages that are not installed; {command}"
        for entry in chosen
        if (command := what_to_install(entry.spec))
    ]
    if absent:
        raise HarnessError("\n".join(absent), about="log")
    return chosen


def with_loggers(names: Iterable[str], plugins: Plugins) -> Plugins:
    """The plugins with the hooks of these loggers after their own.

    Raises:
        HarnessError: as :func:`check_loggers`; or a logger cannot be made, or has hooks that are
            none of a logger's.
    """
    found: list[Implementation] = []
    for entry in check_loggers(names, plugins):
        with undisturbed():
            found += _hooks_of(entry)
    return replace(plugins, implementations=(*plugins.implementations, *found))


def _hooks_of(entry: Entry[LoggerSpec]) -> tuple[Implementation, ...]:
    who = f"logger {entry.spec.name!r} of plugin {entry.plugin!r}"
    try:
        hooks = implementations_of(entry.plugin, resolve(entry.spec.factory)())
    except HarnessError as error:
        raise HarnessError(f"{who}: {error}", about="log") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise HarnessError(f"{who} cannot be made: {said(error)}", about="log") from error
    strange = [hook.hook for hook in hooks if not hook.hook.startswith(_MAY_HAVE)]
    if strange or not hooks:
        has = strange[0] if strange else "no hook"
        raise HarnessError(
            f"{who} has {has}; a logger has hooks of the session and of cells", about="log"
        )
    return hooks
