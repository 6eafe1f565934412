"""An executor from its making to its end, and what it still runs of earlier commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cell import EPOCH_METRICS
from harness.discovery.registry import Plugins
from harness.errors import HarnessError, said
from harness.execution.contract.executor import (
    Adopts,
    Executor,
    ExecutorError,
    ExecutorSettings,
    RunningCell,
)
from harness.execution.placement import Placement
from harness.execution.schedule import BrokenExecutor
from harness.execution.watching.handed_over import is_running_cell
from harness.execution.watching.job_file import read_job
from harness.provenance import is_bundled
from harness.runtime.resolve import resolve
from harness.runtime.surroundings import Surroundings
from harness.study import Cell
from harness.values.check import fits
from harness.values.wording import counted

LONGEST_PAUSE = 60.0
"""Seconds between two rounds: nothing is noticed meanwhile, no end and no timeout."""


def opened(
    placement: Placement,
    cells: list[Cell],
    plugins: Plugins,
    *,
    study: Path,
    jobs: int | None,
    surroundings: Surroundings,
) -> Executor:
    """The executor, made for these cells of a study.

    Raises:
        HarnessError: the executor's own, where it cannot begin.
    """
    entry = plugins.executors[placement.executor]
    who = f"executor {placement.executor!r} of plugin {entry.plugin!r}"
    try:
        executor: Executor = resolve(entry.spec.factory)(
            ExecutorSettings(
                modules=_modules(cells),
                surroundings=surroundings,
                params=placement.params,
                study=study.absolute(),
                jobs=jobs,
            )
        )
    except (HarnessError, KeyboardInterrupt):
        raise
    except BaseException as error:
        return BrokenExecutor(who, error)
    missing = [name for name in ("submit", "close") if not callable(getattr(executor, name, None))]
    if missing:
        raise HarnessError(
            f"{who}: its factory returned {executor!r:.40}, which has no {' and no '.join(missing)}"
            "; see harness.Executor",
            about="executor",
        )
    return executor


def _modules(cells: list[Cell]) -> tuple[str, ...]:
    """Modules that every cell may inherit: the harness's own. What a third party's module does
    while it is imported is for its cells alone."""
    methods = [cell.record["method"] for cell in cells]
    own = [method for method in methods if is_bundled(method["dist"])]
    modules = sorted({method["factory"].partition(":")[0] for method in own})
    # Whether a third party's method trains by epochs is not known before its module is imported.
    return (*modules, *([EPOCH_METRICS] if len(own) < len(methods) else []))


def check_pause(executor: Executor, name: str) -> None:
    """HarnessError where it says how often it is to be asked, in other than seconds."""
    pause: object = getattr(executor, "poll_seconds", 1)
    if not fits(pause, float) or not 0 < pause <= LONGEST_PAUSE:  # type: ignore[operator]
        raise HarnessError(
            f"executor {name!r}: poll_seconds is {pause!r:.40} instead of seconds, more than 0 and "
            f"at most {LONGEST_PAUSE:g}",
            about="executor",
        )


def check_detachable(executor: Executor, name: str) -> None:
    """HarnessError where cells end with the command."""
    if not isinstance(executor, Adopts):
        raise HarnessError(
            f"--detach: cells of executor {name!r} end with this command; leave it running",
            about="detach",
        )


def adopted(
    executor: Executor, name: str, cells: list[Cell], say: Callable[[str], None]
) -> dict[str, RunningCell]:
    """What earlier commands have submitted and is still queued or running, by the cells' keys."""
    found: dict[str, RunningCell] = {}
    if not isinstance(executor, Adopts):
        return found
    for cell in cells:
        job = read_job(cell.directory)
        if job is None or job["executor"] != name:
            continue
        if (cell.directory / "status.json").exists():
            continue  # Of a cell that is to run again: that job is done with it.
        if (handle := _asked(executor, name, cell.directory, job["job"])) is not None:
            found[cell.key] = handle
    if found:
        say(f"note: {counted(len(found), 'cell')} of an earlier command still queued or running")
    return found


def _asked(executor: Adopts, name: str, directory: Path, job: str) -> RunningCell | None:
    """ExecutorError where it does not answer as promised: the job may run, or not."""
    try:
        handle: object = executor.adopt(directory, job)
    except (HarnessError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ExecutorError(
            f"executor {name!r} failed to find job {job!r}: {said(error)}"
        ) from error
    if handle is None or is_running_cell(handle):
        return handle
    raise ExecutorError(
        f"executor {name!r}: adopt() returned {handle!r:.40} for job {job!r} instead of None or a "
        "cell that runs"
    )


@contextmanager
def closed(
    executor: Executor,
    warn: Callable[[str], None],
    *,
    detach: bool,
    keep: Callable[[], bool],
) -> Iterator[None]:
    """Close the executor in the end; or leave it, where its cells are to go on.

    Args:
        detach: whether they are, unless something goes wrong.
        keep: asked whether they are, when the run is interrupted.
    """
    # Of an unforeseen end, too: what has been submitted is found again.
    leave = True
    try:
        yield
        leave = detach
    except KeyboardInterrupt:
        leave = isinstance(executor, Adopts) and keep()
        raise
    finally:
        if leave and isinstance(executor, Adopts):
            _end_of(executor.leave, "leave its cells", warn)
        else:
            _end_of(executor.close, "close", warn)


def _end_of(call: Callable[[], None], what: str, warn: Callable[[str], None]) -> None:
    try:
        call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        warn(f"the executor failed to {what}: {said(error)}")
