"""What is installed: every plugin, what it offers, and the outcome of those that do not load.

:mod:`harness.discovery.find` reads metadata, :mod:`harness.discovery.describe` imports a plugin's
light module, and :func:`discover` puts both together. There is no global manager.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, ParamSpec, TypeVar

from harness.discovery.apart import describe_apart
from harness.discovery.describe import OFFERS, Implementation, describe
from harness.discovery.find import PluginRecord, find
from harness.discovery.local import find_local
from harness.errors import HarnessError
from harness.provenance import forget_sources
from harness.runtime.surroundings import undisturbed
from harness.specs import (
    DatasetSpec,
    ExecutorSpec,
    FamilySpec,
    LoggerSpec,
    MethodSpec,
    MetricSpec,
    Spec,
    TaskSpec,
)

__all__ = [
    "Entry",
    "MethodEntry",
    "PluginRecord",
    "Plugins",
    "discover",
]

S = TypeVar("S", DatasetSpec, TaskSpec, MetricSpec, ExecutorSpec, LoggerSpec, FamilySpec)

P = ParamSpec("P")

Reporter = Callable[[str, BaseException], None]
"""Told the plugin's name and the error of a hook that raised."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """A dataset, task, metric, executor, logger or family, and the plugin that offers it."""

    plugin: str
    spec: S


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodEntry:
    """A method and where it comes from."""

    id: str
    """``<plugin>/<name>``"""
    plugin: str
    dist: str
    version: str
    spec: MethodSpec
    editable_root: Path | None
    """Source folder where the distribution is installed editable: its version says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """What :func:`discover` found. The mappings hold what loaded, under its name.

    Methods are sorted by id. Everything else is in the order of definition, the harness's own
    first: that of the metrics is the order of columns.
    """

    records: tuple[PluginRecord, ...]
    """One per entry point, sorted by name."""
    methods: Mapping[str, MethodEntry]
    datasets: Mapping[str, Entry[DatasetSpec]]
    tasks: Mapping[str, Entry[TaskSpec]]
    metrics: Mapping[str, Entry[MetricSpec]]
    executors: Mapping[str, Entry[ExecutorSpec]]
    loggers: Mapping[str, Entry[LoggerSpec]]
    families: tuple[Entry[FamilySpec], ...]
    """In the order of their plugins' names."""
    implementations: tuple[Implementation, ...]
    """Hooks of the plugins that loaded, in the order of calling."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Name of a family's member as it was asked for -> the id of the method that it is."""

    @property
    def broken(self) -> tuple[PluginRecord, ...]:
        """Plugins that should have loaded and did not."""
        return tuple(r for r in self.records if r.status not in ("ok", "disabled"))

    @property
    def import_from(self) -> tuple[str, ...]:
        """The folders that modules of plugins which are not installed are imported from."""
        folders = (r.import_from for r in self.records if r.status == "ok")
        return tuple(dict.fromkeys(str(folder) for folder in folders if folder is not None))

    def record(self, plugin: str) -> PluginRecord:
        """That of a plugin that loaded."""
        return next(r for r in self.records if r.name == plugin and r.status == "ok")

    @property
    def embedded(self) -> frozenset[str]:
        """Names of the datasets that come with their plugin and need no files."""
        return frozenset(name for name, entry in self.datasets.items() if entry.spec.embedded)

    def default_dataset(self) -> DatasetSpec:
        """The dataset of a run that names none: the embedded one of the harness's own. Installing
        a plugin changes nobody's default.

        Raises:
            HarnessError: there is none, or there are several.
        """
        bundled = {record.name for record in self.records if record.bundled}
        embedded = [
            entry
            for entry in self.datasets.values()
            if entry.spec.embedded and entry.plugin in bundled
        ]
        if len(embedded) == 1:
            return embedded[0].spec
        if embedded:
            names = ", ".join(f"{e.spec.name} (plugin {e.plugin})" for e in embedded)
            raise HarnessError(
                f"several datasets are embedded: {names}; choose one with --dataset",
                about="dataset",
            )
        known = ", ".join(self.datasets) or "none"
        raise HarnessError(
            f"no bundled dataset is embedded; choose one with --dataset: {known}", about="dataset"
        )

    def call(
        self,
        hook: Callable[P, object],
        report: Reporter,
        /,
        *_: P.args,
        **arguments: P.kwargs,
    ) -> list[tuple[str, Any]]:
        """Call a session hook, one plugin after the other. Each gets copies of the arguments, and
        what it changes of the process (:mod:`harness.runtime.surroundings`) is put back.

        Args:
            hook: a session hook of :mod:`harness.hookspecs`.
            report: told of every implementation that raises; the others are called all the same.
            arguments: all that the hook declares.

        Returns:
            ``(plugin, result)`` of those that returned something; a generator's result as a tuple.
        """
        results: list[tuple[str, Any]] = []
        for implementation in self.implementations:
            if implementation.hook != hook.__name__:
                continue
            try:
                with undisturbed():
                    result = implementation(deepcopy(arguments))
                    if isinstance(result, Iterator):
                        result = tuple(result)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                report(implementation.plugin, error)
                continue
            if result is not None:
                results.append((implementation.plugin, result))
        return results


def discover(
    disabled: Collection[str] = (),
    entry_points: Iterable[EntryPoint] | None = None,
    *,
    only: Collection[str] | None = None,
    fresh: bool = False,
    local: Sequence[Path] = (),
    busy: Callable[[str], None] | None = None,
) -> Plugins:
    """Find and describe every plugin. Never raises for an installed plugin's sake, never imports
    torch.

    The harness's own are described in this process, third parties' in others
    (:mod:`harness.discovery.apart`).

    Args:
        disabled: names of plugins that are not to be loaded.
        entry_points: where to look; None for group ``cxr_harness`` of all that is installed.
        only: names of the third parties' plugins that may be loaded; None for all.
        fresh: whether to describe again what is remembered from earlier commands.
        local: files and folders of plugins that are not installed.
        busy: is told the plugin that is described, where that takes its time.

    Raises:
        HarnessError: a path of ``local`` holds no plugin, or one with the name of a bundled one.
    """
    forget_sources()
    found = find(entry_points, disabled, only, find_local(local))
    for _, record in found:
        if record.local is not None and record.status == "conflict":
            raise HarnessError(f"--plugin {record.local}: {record.reason}", about="plugin")
    foreign = [one for one in found if one[1].status == "ok" and not one[1].bundled]
    answers = describe_apart(foreign, fresh=fresh, busy=busy)
    described: list[PluginRecord] = []
    hooks: list[Implementation] = []
    for entry_point, record in found:
        if record.status == "ok":
            if record.bundled:
                with undisturbed(), redirect_stdout(io.StringIO()) as output:
                    record, implementations = describe(entry_point, record)
                record = replace(record, output=output.getvalue())
            else:
                record, implementations = next(answers)
            hooks += implementations
        described.append(record)
    records = _without_clashes(described)
    loaded = sorted((r for r in records if r.status == "ok"), key=lambda r: not r.bundled)
    names = {record.name for record in loaded}
    hooks = sorted((h for h in hooks if h.plugin in names), key=lambda h: (h.order, h.plugin))
    return Plugins(
        records=records,
        methods=_methods(loaded),
        datasets=_entries(loaded, DatasetSpec),
        tasks=_entries(loaded, TaskSpec),
        metrics=_entries(loaded, MetricSpec),
        executors=_entries(loaded, ExecutorSpec),
        loggers=_entries(loaded, LoggerSpec),
        families=tuple(
            Entry(record.name, spec)
            for record in sorted(loaded, key=lambda record: record.name)
            for spec in record.specs
            if isinstance(spec, FamilySpec)
        ),
        implementations=tuple(hooks),
    )


def method_entry(record: PluginRecord, spec: MethodSpec) -> MethodEntry:
    """A method that the plugin of the record offers."""
    return MethodEntry(
        id=f"{record.name}/{spec.name}",
        plugin=record.name,
        dist=record.dist,
        version=record.version,
        spec=spec,
        editable_root=record.editable_root,
    )


def _methods(records: Iterable[PluginRecord]) -> Mapping[str, MethodEntry]:
    entries = [
        method_entry(record, spec)
        for record in records
        for spec in record.specs
        if isinstance(spec, MethodSpec)
    ]
    return MappingProxyType({e.id: e for e in sorted(entries, key=lambda e: e.id)})


def _entries(records: Iterable[PluginRecord], kind: type[S]) -> Mapping[str, Entry[S]]:
    return MappingProxyType(
        {
            spec.name: Entry(record.name, spec)
            for record in records
            for spec in record.specs
            if isinstance(spec, kind)
        }
    )


def _without_clashes(records: Iterable[PluginRecord]) -> tuple[PluginRecord, ...]:
    """Plugins that share the name of what they offer, but for methods and families, whose ids begin
    with the plugin's, become ``conflict``.

    Order of installation or of names decides nothing: all of them step back, but for the harness's
    own, since installing a package must not take the bundled tasks away.
    """
    records = tuple(records)
    claims: dict[tuple[type[Spec], str], list[PluginRecord]] = {}
    for record in records:
        for spec in record.specs:
            if not isinstance(spec, MethodSpec | FamilySpec):
                claims.setdefault((type(spec), spec.name), []).append(record)
    reasons: dict[str, str] = {}
    for (kind, name), claimants in claims.items():
        for record in claimants:
            rivals = [other for other in claimants if other is not record]
            if rivals and not (record.bundled and not any(r.bundled for r in rivals)):
                others = " and ".join(f"plugin {r.name!r} ({r.origin})" for r in rivals)
                reasons.setdefault(
                    record.name,
                    f"offers {_word(kind)} {name!r}, as {others} does; disable one of them",
                )
    return tuple(
        replace(record, status="conflict", reason=reasons[record.name], specs=())
        if record.status == "ok" and record.name in reasons
        else record
        for record in records
    )


def _word(kind: type[Spec]) -> str:
    """``"dataset"`` for DatasetSpec."""
    hook = next(hook for hook, offered in OFFERS.items() if offered is kind)
    return hook.removeprefix("harness_").removesuffix("s")
