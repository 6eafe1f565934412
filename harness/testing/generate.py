"""Every check of a plugin, or of one of its methods, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.discovery.registry import Plugins
from harness.errors import HarnessError, did_you_mean
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
from harness.testing.checks.check import Check
from harness.testing.checks.datasets import dataset_checks
from harness.testing.checks.executors import executor_checks
from harness.testing.checks.families import family_checks
from harness.testing.checks.loggers import logger_checks
from harness.testing.checks.methods import method_checks
from harness.testing.checks.metrics import metric_checks
from harness.testing.checks.plugin import plugin_checks
from harness.testing.checks.tasks import task_checks


def members_in(name: str) -> tuple[str, ...]:
    """The name, where it may be that of a family's member, which is a method only when asked for:
    as :func:`harness.planning.installed_plugins.installed_plugins` takes it."""
    return (name,) if "/" in name else ()


def checks_of(
    name: str, plugins: Plugins, roots: Mapping[str, Path] | None = None
) -> tuple[Check, ...]:
    """The checks.

    Args:
        name: of a plugin, or the id of a method, which is then checked alone.
        plugins: the installed ones, with the method where it is a family's.
        roots: dataset -> the folder to check it with; under ``""``, that of all others.

    Raises:
        HarnessError: no plugin and no method has this name.
    """
    return tuple(_checks(name, plugins, roots or {}))


def _checks(name: str, plugins: Plugins, roots: Mapping[str, Path]) -> Iterator[Check]:
    method = plugins.aliases.get(name, name)
    if method in plugins.methods:
        yield from method_checks(plugins.methods[method], plugins)
        return
    records = [record for record in plugins.records if record.name == name]
    if not records:
        known = [*(record.name for record in plugins.records), *plugins.methods]
        raise HarnessError(
            f"no plugin and no method is called {name!r}{did_you_mean(name, known)}; "
            "'harness plugins' lists them; install one of your own first (pip install -e .), or "
            "name its file or folder (--plugin PATH, in pytest plugin=PATH)"
        )
    for record in records[:1]:
        yield from plugin_checks(record)
        for spec in record.specs:
            yield from _of_spec(spec, record.name, plugins, roots)


def _of_spec(
    spec: Spec, plugin: str, plugins: Plugins, roots: Mapping[str, Path]
) -> Iterator[Check]:
    match spec:
        case MethodSpec():
            yield from method_checks(plugins.methods[f"{plugin}/{spec.name}"], plugins)
        case DatasetSpec():
            yield from dataset_checks(spec, roots)
        case TaskSpec():
            yield from task_checks(spec, plugins)
        case MetricSpec():
            yield from metric_checks(spec)
        case ExecutorSpec():
            yield from executor_checks(spec, plugins)
        case LoggerSpec():
            yield from logger_checks(spec, plugins)
        case FamilySpec():
            yield from family_checks(spec, plugin, plugins)
