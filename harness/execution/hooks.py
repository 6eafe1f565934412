"""Session hooks: called with copies, and what they return is used only where it makes sense."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ParamSpec

from harness import hookspecs
from harness.discovery.describe import OFFERS
from harness.discovery.registry import Plugins
from harness.errors import HarnessError, said
from harness.execution.contract.observer import Observer
from harness.results.record import StatusRecord
from harness.study import Cell, Study
from harness.values.plain_text import on_screen

P = ParamSpec("P")


class Caller:
    """Calls session hooks; a plugin whose hook fails is named in a warning, and the others are
    called all the same."""

    def __init__(self, plugins: Plugins, warn: Callable[[str], None]) -> None:
        self._plugins, self._warn = plugins, warn
        self._called: set[str] = set()

    def __call__(
        self, hook: Callable[P, object], *_: P.args, **arguments: P.kwargs
    ) -> list[tuple[str, Any]]:
        """``(plugin, result)`` of those that returned something.

        Args:
            hook: of :mod:`harness.hookspecs`.
            arguments: all that it declares, by name.
        """

        self._called.add(hook.__name__)

        def report(plugin: str, error: BaseException) -> None:
            self._warn(
                f"hook {hook.__name__} of plugin {plugin!r} failed: {on_screen(said(error))}"
            )

        return self._plugins.call(hook, report, *_, **arguments)

    def plugin_facts(self) -> list[dict[str, Any]]:
        """Every plugin, as ``study.json`` lists it, with the hooks that have been called so far."""
        called = self._called | OFFERS.keys()
        if hookspecs.harness_session_start.__name__ in called:
            # It follows in any case, when all is written.
            called |= {hookspecs.harness_session_finish.__name__}
        ran = [(i.plugin, i.hook) for i in self._plugins.implementations if i.hook in called]
        return [
            {
                "name": record.name,
                "distribution": record.dist,
                "version": record.version,
                "path": record.local and str(record.local),
                "status": record.status,
                "reason": record.reason,
                "hooks": sorted({hook for plugin, hook in ran if plugin == record.name}),
            }
            for record in self._plugins.records
        ]


def environment_facts(call: Caller, warn: Callable[[str], None]) -> dict[str, Any]:
    """What plugins state about this machine, by plugin, as plain JSON values."""
    facts = {}
    for plugin, stated in call(hookspecs.harness_environment):
        try:
            if not isinstance(stated, Mapping):
                raise TypeError(f"it returned {type(stated).__name__} instead of a mapping")
            facts[plugin] = json.loads(json.dumps(dict(stated), allow_nan=False))
        except (TypeError, ValueError) as error:
            warn(f"hook harness_environment of plugin {plugin!r} failed: {on_screen(said(error))}")
    return facts


def keep_selected(study: Study, call: Caller, warn: Callable[[str], None]) -> Study:
    """The study with the cells that every plugin with an opinion keeps; the others are counted in
    its notes and in ``dropped``.

    Raises:
        HarnessError: a plugin names a cell that is not planned, or no cell is left.
    """
    planned = {cell.key for cell in study.cells}
    kept, dropped = study.cells, {}
    for plugin, chosen in call(hookspecs.harness_select_cells, cells=study.cells):
        try:
            names = {cell.key for cell in chosen}
        except (AttributeError, TypeError) as error:
            warn(f"hook harness_select_cells of plugin {plugin!r} must return cells: {error}")
            continue
        if unknown := names - planned:
            raise HarnessError(
                f"plugin {plugin!r} selected a cell that is not planned: {min(unknown)}"
            )
        lost = tuple(cell for cell in kept if cell.key not in names)
        if lost:
            dropped[plugin] = lost
            kept = tuple(cell for cell in kept if cell.key in names)
    notes = tuple(_note(plugin, lost, len(study.cells)) for plugin, lost in dropped.items())
    if not kept:
        said = f" ({'; '.join(notes)})" if notes else ""
        raise HarnessError(
            f"no cell is left to run; see --plugins, --exclude and installed plugins{said}",
            about="plugins",
        )
    return replace(study, cells=kept, notes=(*study.notes, *notes), dropped=dropped)


def _note(plugin: str, lost: tuple[Cell, ...], planned: int) -> str:
    return f"plugin {plugin!r} dropped {len(lost)} of {planned} cells (harness_select_cells)"


class WithHooks:
    """An observer that also tells plugins; one whose hook fails is named; the others continue."""

    def __init__(self, inner: Observer, call: Caller) -> None:
        self._inner = inner
        self._call = call

    def started(self, cell: Cell) -> None:
        self._inner.started(cell)
        self._call(hookspecs.harness_cell_start, cell=cell)

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        self._inner.event(cell, line)
        self._call(hookspecs.harness_cell_progress, cell=cell, event=line)

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        self._inner.finished(cell, status)
        self._call(hookspecs.harness_cell_finish, cell=cell, status=status)
