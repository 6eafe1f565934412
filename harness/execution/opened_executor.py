"""An executor from its making to its end, and what it still runs of earlier commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cell import EPOCH_METRICS
from harness.discovery.registry import Plugins
from harness.errors import HarnessError, said
from harness.execution.contract.executor import Adopts, Executor, ExecutorSettings, RunningCell
from harness.execution.placement import Placement
from harness.execution.schedule import BrokenExecutor
from harness.execution.watching.job_file import read_job
from harness.provenance import is_bundled
from harness.runtime.resolve import resolve
from harness.runtime.surroundings import Surroundings
from harness.study import Cell
from harness.values.wording import counted


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
        return BrokenExecutor(f"executor {placement.executor!r} of plugin {entry.plugin!r}", error)
    return executor


def _modules(cells: list[Cell]) -> tuple[str, ...]:
    """Modules that every cell may inherit: the harness's own. What a third party's module does
    while it is imported is for its cells alone."""
    methods = [cell.record["method"] for cell in cells]
    own = [method for method in methods if is_bundled(method["dist"])]
    modules = sorted({method["factory"].partition(":")[0] for method in own})
    # Whether a third party's method trains by epochs is not known before its module is imported.
    return (*modules, *([EPOCH_METRICS] if len(own) < len(methods) else []))


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
        if (handle := executor.adopt(cell.directory, job["job"])) is not None:
            found[cell.key] = handle
    if found:
        say(f"note: {counted(len(found), 'cell')} of an earlier command still queued or running")
    return found


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
