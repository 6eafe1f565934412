"""T1: import a plugin's light module, call its registration hooks, check what it offers."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from types import MappingProxyType, ModuleType
from typing import Any

import pluggy

from harness import hookspecs
from harness.discovery.find import PluginRecord
from harness.discovery.import_guard import ImportGuard
from harness.errors import HarnessError, did_you_mean, said
from harness.specs import (
    HARNESS_API,
    DatasetSpec,
    ExecutorSpec,
    FamilySpec,
    LoggerSpec,
    MethodSpec,
    MetricSpec,
    Spec,
    TaskSpec,
    is_plain_name,
)
from harness.values.plain_text import on_screen

OFFERS: Mapping[str, type[Spec]] = MappingProxyType(
    {
        "harness_methods": MethodSpec,
        "harness_datasets": DatasetSpec,
        "harness_tasks": TaskSpec,
        "harness_metrics": MetricSpec,
        "harness_executors": ExecutorSpec,
        "harness_loggers": LoggerSpec,
        "harness_families": FamilySpec,
    }
)
"""Registration hook -> what it returns. All other hooks are session hooks."""

MOST = 1000
"""Specs that one plugin may offer."""
_PREFIX = "harness_"


class IncompatibleError(HarnessError):
    """The plugin was written for another version of the contract."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's function for one hook."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    """The hook's arguments that it asks for, in its order."""
    order: int
    """-1 tryfirst, 0, 1 trylast."""

    def __call__(self, arguments: Mapping[str, Any]) -> Any:
        return self.function(*(arguments[name] for name in self.arguments))


def describe(
    entry_point: EntryPoint, record: PluginRecord, doing: Callable[[str], None] = lambda what: None
) -> tuple[PluginRecord, tuple[Implementation, ...]]:
    """The record with the plugin's specs, or with what went wrong; and its hooks.

    Catches every exception but KeyboardInterrupt, SystemExit included.

    Args:
        doing: is told what is about to be called, as in ``"importing acme"``.
    """
    guard = ImportGuard(__name__)
    package = entry_point.module.partition(".")[0]
    changes: dict[str, Any] = {}
    implementations: tuple[Implementation, ...] = ()
    started = time.perf_counter()
    try:
        with guard:
            doing(f"importing {entry_point.value}")
            module = _load(entry_point)
            implementations = implementations_of(record.name, module)
            changes["specs"] = tuple(_specs(implementations, doing))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        changes = {
            "status": "incompatible" if isinstance(error, IncompatibleError) else "failed",
            "reason": on_screen(
                said(error) if isinstance(error, HarnessError) else _one_line(error, package)
            ),
            "error": traceback.format_exc(),
        }
    if guard.violations:
        remedy = "import it inside the function that uses it, or move the factory to another module"
        reason = f"{guard.violations[0]}; {remedy}"
        changes = {"error": "", **changes, "status": "failed", "reason": reason, "specs": ()}
        guard.forget(package)
    seconds = time.perf_counter() - started
    described = replace(record, seconds=seconds, **changes)
    return described, implementations if described.status == "ok" else ()


def _load(entry_point: EntryPoint) -> ModuleType:
    module = entry_point.load()
    if not isinstance(module, ModuleType):
        raise HarnessError(
            f"the entry point {entry_point.value!r} names a {type(module).__name__}; it must name "
            "a module, 'package.module'"
        )
    if not hasattr(module, "HARNESS_API"):
        raise HarnessError(f"{module.__name__} does not state HARNESS_API = {HARNESS_API}")
    if module.HARNESS_API != HARNESS_API:
        raise IncompatibleError(
            f"{module.__name__} is written for HARNESS_API {module.HARNESS_API!r}, this harness "
            f"speaks {HARNESS_API}; install a matching version of one of them"
        )
    return module


def implementations_of(plugin: str, owner: object) -> tuple[Implementation, ...]:
    """The hooks of a module, or of a logger. A manager of its own for each: what one breaks, it
    breaks alone.

    Raises:
        HarnessError: a function that only looks like a hook, or whose arguments are wrong.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT_NAME)
    manager.add_hookspecs(hookspecs)
    known = [name for name in vars(hookspecs) if name.startswith(_PREFIX)]
    for name in dir(owner):
        if not name.startswith(_PREFIX) or not inspect.isroutine(getattr(owner, name)):
            continue
        if manager.parse_hookimpl_opts(owner, name) is None:
            raise HarnessError(
                f"{name} lacks the @harness.hookimpl decorator"
                if name in known
                else _unknown_hook(name, known)
            )
    try:
        manager.register(owner, plugin)
    except pluggy.PluginValidationError as error:
        raise HarnessError(" ".join(str(error).split())) from error
    found = []
    for caller in manager.get_hookcallers(owner) or ():
        for hook in caller.get_hookimpls():
            if not caller.has_spec():
                if hook.optionalhook:
                    continue
                raise HarnessError(_unknown_hook(caller.name, known))
            if hook.wrapper or hook.hookwrapper:
                raise HarnessError(
                    f"{caller.name} is a hook wrapper; hooks are called one at a time and cannot "
                    "wrap each other"
                )
            order = int(hook.trylast) - int(hook.tryfirst)
            arguments = tuple(hook.argnames)
            found.append(Implementation(plugin, caller.name, hook.function, arguments, order))
    return tuple(found)


def _unknown_hook(name: str, known: Iterable[str]) -> str:
    return (
        f"{name} is not a hook{did_you_mean(name, known)}; "
        f"names that begin with {_PREFIX!r} are kept for hooks"
    )


def _specs(
    implementations: Iterable[Implementation], doing: Callable[[str], None]
) -> Iterator[Spec]:
    """Specs of all registration hooks, checked.

    Raises:
        HarnessError: a hook returns something else, one name is offered twice, or there are more
            than :data:`MOST`.
    """
    seen: set[tuple[str, str]] = set()
    for implementation in implementations:
        hook = implementation.hook
        if hook not in OFFERS:
            continue
        kind = OFFERS[hook]
        doing(f"calling {hook}")
        offered = implementation({})
        if not isinstance(offered, Iterable):
            raise HarnessError(
                f"{hook} returned {type(offered).__name__}; return or yield {kind.__name__} records"
            )
        for spec in offered:
            if not isinstance(spec, kind):
                raise HarnessError(
                    f"{hook} offers {spec!r:.60} ({type(spec).__name__}); "
                    f"it must offer {kind.__name__} records"
                )
            if kind is MethodSpec and not is_plain_name(spec.name):
                raise HarnessError(
                    f"method name {spec.name!r} is not valid: use lower-case letters, digits, "
                    "'_', '-' and '.', with at most one '@strategy' behind them"
                )
            if (hook, spec.name) in seen:
                raise HarnessError(f"{hook} offers {spec.name!r} twice")
            seen.add((hook, spec.name))
            if len(seen) > MOST:
                raise HarnessError(f"{hook} offers more than {MOST:,} records")
            yield spec


def _one_line(error: BaseException, package: str) -> str:
    """``"ValueError: text (file.py:3)"``: the last line of the plugin's own that was reached."""
    lines = [
        f"{frame.f_code.co_filename}:{number}"
        for frame, number in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package
        and frame.f_globals.get("__name__") != __name__
    ]
    return f"{said(error)} ({lines[-1]})" if lines else said(error)
