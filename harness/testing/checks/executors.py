"""Checks of an executor, with one cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from harness.discovery.registry import Plugins
from harness.specs import ExecutorSpec
from harness.testing.checks.check import BrokenPromiseError, Check, Promise
from harness.testing.checks.tiny_run import Seen, run, tiny_study

TIMEOUT = 0.05
"""Seconds after which the cell is killed: before its process can have finished."""
AT_ONCE = 0.5
"""Seconds that a cell may take that had ended when submit() returned."""

RUNS = Promise(
    name="runs-a-cell",
    group="contract",
    contract="submit(directory, resources, facts) starts a process that runs the cell there, which "
    "leaves its status; poll() returns None and then its exit code",
    fix="start harness.cell_command(directory, resources, facts), and return something like "
    "subprocess.Popen",
)
KILLS = Promise(
    name="kills-a-cell",
    group="contract",
    contract="kill() ends a cell at once, after which poll() returns an exit code; it does no harm "
    "to a cell that has ended",
    fix="send SIGKILL to the process of the cell, and reap it in poll()",
    after=("runs-a-cell",),
)


def executor_checks(spec: ExecutorSpec, plugins: Plugins) -> Iterator[Check]:
    """Every check of an executor."""
    functions: tuple[tuple[Promise, Callable[[], None]], ...] = (
        (RUNS, partial(_runs, spec, plugins)),
        (KILLS, partial(_kills, spec, plugins)),
    )
    for promise, function in functions:
        yield Check(subject=f"executor:{spec.name}", promise=promise, function=function)


def _runs(spec: ExecutorSpec, plugins: Plugins) -> None:
    with tiny_study(plugins) as study:
        status = run(study, plugins, executor=spec.name)
    if status["status"] != "ok":
        raise BrokenPromiseError(f"the cell is {status['status']}: {status['reason']}")


def _kills(spec: ExecutorSpec, plugins: Plugins) -> None:
    seen = Seen()
    with tiny_study(plugins) as study:
        status = run(study, plugins, executor=spec.name, timeout=TIMEOUT, seen=seen)
    (seconds,) = seen.seconds.values()
    if status["status"] == "timeout" or (status["status"] == "ok" and seconds < AT_ONCE):
        return
    if status["status"] == "ok":
        raise BrokenPromiseError(
            f"the cell ran to its end, {seconds:.1f} s, although it was killed"
        )
    raise BrokenPromiseError(f"the killed cell is {status['status']}: {status['reason']}")
