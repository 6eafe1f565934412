"""Third parties' plugins, described in a process of their own; and the hooks that are called here.

What comes back is plain data: specs are constructed, and so checked, again. A plugin's module is
imported in this process only when a hook around a run is called, as ``harness run`` does.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

from harness.discovery.describe import OFFERS, Implementation, describe, implementations_of
from harness.discovery.find import Found, PluginRecord
from harness.discovery.import_guard import ImportGuard
from harness.discovery.isolated import Job, Outcome, run_isolated
from harness.discovery.remembered import Remembered
from harness.discovery.spec_json import packed, unpacked
from harness.errors import HarnessError
from harness.hookspecs import PROJECT_NAME
from harness.values.plain_text import on_screen

_STANDARD = sysconfig.get_path("stdlib")
"""Found here, as a plugin may take away what finding it needs."""

Described = tuple[PluginRecord, tuple[Implementation, ...]]


def describe_apart(
    found: Sequence[Found],
    *,
    fresh: bool = False,
    busy: Callable[[str], None] | None = None,
) -> Iterator[Described]:
    """Each plugin's record, with its specs or with what went wrong, and its hooks.

    Args:
        fresh: whether to describe again what is remembered.
        busy: is told the plugin that is described.
    """
    remembered = Remembered()
    known = [None if fresh else remembered.recall(*one) for one in found]
    new = [one for one, answer in zip(found, known, strict=True) if answer is None]
    asked = time.time_ns()
    outcomes = iter(run_isolated([_job(*one) for one in new], busy=busy) if new else ())
    for one, recalled in zip(found, known, strict=True):
        answer = recalled
        if answer is None:
            answer = _answer(next(outcomes))
            remembered.keep(*one, answer, asked)
        yield _described(*one, answer)


def describe_here(doing: Callable[[str], None], name: str, value: str, dist: str) -> dict[str, Any]:
    """Describe one plugin, in the process that was made for it.

    Returns:
        What changes of its record; ``specs`` as pairs of hook and fields, ``hooks``, and the
        ``files`` that it has imported.
    """
    record = PluginRecord(name=name, target=value, dist=dist, version="")
    before = frozenset(sys.modules)
    record, hooks = describe(_entry_point(record), record, doing)
    hook_of = {kind: hook for hook, kind in OFFERS.items()}
    return {
        "status": record.status,
        "reason": record.reason,
        "error": record.error,
        "seconds": record.seconds,
        "specs": [(hook_of[kind], packed(s, kind)) for s in record.specs if (kind := _kind(s))],
        "hooks": [(hook.hook, hook.arguments, hook.order) for hook in hooks],
        "files": sorted(_files(sys.modules.keys() - before)),
    }


def _kind(spec: Any) -> Any:
    return next(kind for kind in OFFERS.values() if isinstance(spec, kind))


def _files(modules: set[str]) -> Iterator[str]:
    """Of modules that are neither the standard library's nor built in."""
    for name in modules:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and (
            not file.startswith(f"{_STANDARD}/") or file.startswith(f"{_STANDARD}/site-packages/")
        ):
            yield file


def _entry_point(record: PluginRecord) -> EntryPoint:
    return EntryPoint(record.name, record.target, PROJECT_NAME)


def _job(entry_point: EntryPoint, record: PluginRecord) -> Job:
    facts = {"name": record.name, "value": entry_point.value, "dist": record.dist}
    return Job(name=f"plugin {record.name}", function=f"{__name__}:describe_here", arguments=facts)


def _answer(outcome: Outcome) -> dict[str, Any]:
    if not outcome.failure and isinstance(outcome.value, dict):
        return {**outcome.value, "output": outcome.output}
    return {
        "status": "failed",
        "reason": outcome.failure or "left an answer that cannot be read",
        "error": outcome.error,
        "seconds": outcome.seconds,
        "output": outcome.output,
        "specs": [],
        "hooks": [],
        "files": [],
    }


def _described(
    entry_point: EntryPoint, record: PluginRecord, answer: Mapping[str, Any]
) -> Described:
    said = {key: answer[key] for key in ("status", "error", "seconds", "output")}
    record = replace(record, **said, reason=on_screen(answer["reason"]))
    if record.status != "ok":
        return record, ()
    try:
        specs = tuple(unpacked(OFFERS[hook], fields) for hook, fields in answer["specs"])
    except HarnessError as error:
        return replace(record, status="failed", reason=on_screen(str(error))), ()
    module = _Module(entry_point, record.name)
    hooks = tuple(
        Implementation(record.name, hook, _Late(module, hook), tuple(arguments), order)
        for hook, arguments, order in answer["hooks"]
    )
    return replace(record, specs=specs), hooks


class _Module:
    """A plugin's module, imported in this process when the first of its hooks is called."""

    def __init__(self, entry_point: EntryPoint, plugin: str) -> None:
        self._entry_point = entry_point
        self._plugin = plugin
        self._functions: dict[str, Callable[..., Any]] | None = None

    def function(self, hook: str) -> Callable[..., Any]:
        if self._functions is None:
            guard = ImportGuard(__name__)
            with guard:
                found = implementations_of(self._plugin, self._entry_point.load())
            self._functions = {each.hook: each.function for each in found}
        return self._functions[hook]


class _Late:
    """A hook whose module is not imported yet."""

    def __init__(self, module: _Module, hook: str) -> None:
        self._module = module
        self._hook = hook

    def __call__(self, *arguments: Any) -> Any:
        return self._module.function(self._hook)(*arguments)
