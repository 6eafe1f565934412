"""Checks of a logger, with one cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from harness.discovery.registry import Plugins
from harness.discovery.requirements import what_to_install
from harness.execution.hooks import Caller
from harness.execution.loggers import with_loggers
from harness.specs import LoggerSpec
from harness.testing.checks.check import BrokenPromiseError, Check, NotCheckedError, Promise
from harness.testing.checks.tiny_run import run, tiny_study

LOGS = Promise(
    name="logs-a-cell",
    group="contract",
    contract="the factory makes an object with hooks of the session and of cells, and none of them "
    "raises in a run",
    fix="correct the hook that the message names",
)
REPEATS = Promise(
    name="logs-again",
    group="contract",
    contract="no hook raises in a repeated run, in which harness_cell_finish is called for "
    "finished cells without harness_cell_start",
    fix="name what is written by the cell's hash, and take finished cells whole",
    after=("logs-a-cell",),
)


def logger_checks(spec: LoggerSpec, plugins: Plugins) -> Iterator[Check]:
    """Every check of a logger."""
    functions: tuple[tuple[Promise, Callable[[], None]], ...] = (
        (LOGS, partial(_logs, spec, plugins, 1)),
        (REPEATS, partial(_logs, spec, plugins, 2)),
    )
    for promise, function in functions:
        yield Check(subject=f"logger:{spec.name}", promise=promise, function=function)


def _logs(spec: LoggerSpec, plugins: Plugins, times: int) -> None:
    if command := what_to_install(spec):
        raise NotCheckedError(f"packages are not installed: {command}")
    warnings: list[str] = []
    with tiny_study(plugins) as study:
        for _ in range(times):
            # As in a new command, which makes the logger anew.
            caller = Caller(with_loggers((spec.name,), plugins), warnings.append)
            run(study, plugins, caller=caller)
    if warnings:
        raise BrokenPromiseError(warnings[0])
