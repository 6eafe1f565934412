"""One ``harness run``: the study on disk, the executor, the cells, the exit code."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from harness.cell import EPOCH_METRICS
from harness.data.store.prepared import open_store
from harness.discovery.registry import Plugins
from harness.errors import HarnessError, said
from harness.execution.executor import Executor, ExecutorSettings
from harness.execution.missing import missing
from harness.execution.recording import Recording
from harness.execution.schedule import BrokenExecutor, Observer, run_cells
from harness.execution.study_folder import locked, write_study
from harness.machine import Resources
from harness.protocol import Protocol
from harness.provenance import is_bundled
from harness.results.checks.finished_cell import DAMAGED, Found, look, settled
from harness.results.checks.reference import Table, Tables
from harness.results.record import PlannedCell, StatusRecord, WrittenCell
from harness.results.rundir import CellDirectory, write_status
from harness.results.spec_record import LimitsRecord
from harness.runtime.resolve import resolve
from harness.runtime.surroundings import Surroundings
from harness.storage.cache import cache_directory
from harness.study import Cell, Study, interpolations


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How cells are run; none of it changes a result."""

    executor: str = "process"
    slots: tuple[Resources, ...]
    timeout: float | None = None
    rerun: bool = False
    """Whether finished cells are run again."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Plugin -> what it states about this machine, kept beside every cell."""
    surroundings: Surroundings = field(default_factory=Surroundings.capture)
    """What cells inherit: as it was before anything of a plugin ran."""
    limits: Mapping[str, int | str | None] = field(default_factory=dict)
    """``device_bytes`` for images and activations on a GPU, ``activation_bytes`` on disk, and
    ``keep_checkpoints``: ``none``, ``best`` or ``all`` of a cell that is ok."""


def run_session(
    study: Study,
    protocol: Protocol,
    options: Options,
    plugins: Plugins,
    observer: Observer,
    *,
    store_progress: Callable[[int, int], None],
    say: Callable[[str], None],
    warn: Callable[[str], None],
    busy: Callable[[str], None],
    command: tuple[str, ...],
    file: Callable[[str | None, Path], str],
    plugin_facts: Callable[[], list[dict[str, Any]]],
) -> dict[str, StatusRecord]:
    """Run what is not finished and return every cell's status, by its directory's name.

    Args:
        say: is given notes, a line each.
        warn: is given what went wrong beside the cells, a line each.
        busy: is told of work before the first cell.
        command: the words of the command line, kept with the study.
        file: makes the study file to leave, as
            :func:`harness.execution.study_folder.write_study` has it.
        plugin_facts: what to record of every plugin, at the moment.

    Raises:
        HarnessError: the study's folder cannot be used, or the disk is full. What is finished
            stays as it is, and the same command resumes from there.
    """
    with _told_about_the_disk(study.directory), locked(study.directory, say):
        write_study(study, command, file, plugin_facts())
        tables = _tables(study)
        recording = Recording(observer, say, warn)
        waiting: list[Cell] = []
        for cell in study.cells:
            status = _settled(cell, options, tables, plugins.import_from)
            if status is None:
                waiting.append(cell)
            else:
                recording.finished(cell, status)
        if waiting:
            for note in missing():
                say(f"note: {note}")
            for interpolation in interpolations(waiting):
                store = open_store(
                    study.dataset,
                    size=protocol.image_size,
                    interpolation=interpolation,
                    cache=cache_directory(),
                    progress=store_progress,
                )
                for note in store.notes:
                    say(f"note: {note}")
            busy("loading libraries")
            executor = _executor(options, plugins, _modules(waiting))

            def damage(cell: Cell) -> str:
                return "; ".join(look(CellDirectory(cell.directory), tables).damage)

            def run(cells: list[Cell]) -> None:
                alone = len(cells) == 1
                slots = tuple(
                    replace(s, concurrent=s.concurrent and not alone) for s in options.slots
                )
                run_cells(cells, executor, slots, recording, timeout=options.timeout, damage=damage)

            try:
                run(waiting)
                if again := recording.changed():
                    for cell in again:
                        shutil.rmtree(cell.directory, ignore_errors=True)
                        _settled(cell, options, tables, plugins.import_from)
                    run(again)
            finally:
                _close(executor, warn)
        # Again, as more of their hooks have been called.
        write_study(study, command, file, plugin_facts())
        return recording.statuses


def exit_code(statuses: Mapping[str, StatusRecord], broken: bool) -> int:
    """0: all asked cells are ok or skipped by design; 1: some failed, or a plugin that was asked
    for did not load (``broken``); 3: nothing ran."""
    kinds = [status["status"] for status in statuses.values()]
    if broken or any(kind not in ("ok", "skipped") for kind in kinds):
        return 1
    return 0 if "ok" in kinds else 3


def _modules(cells: list[Cell]) -> tuple[str, ...]:
    """Modules that every cell may inherit: the harness's own. What a third party's module does
    while it is imported is for its cells alone."""
    methods = [cell.record["method"] for cell in cells]
    own = [method for method in methods if is_bundled(method["dist"])]
    modules = sorted({method["factory"].partition(":")[0] for method in own})
    # Whether a third party's method trains by epochs is not known before its module is imported.
    return (*modules, *([EPOCH_METRICS] if len(own) < len(methods) else []))


def _tables(study: Study) -> Tables:
    """The study's table as it was planned: nothing that a cell does to files can change it."""
    tables = Tables()
    tables.put(
        study.directory,
        study.dataset.fingerprint,
        Table(study.samples, study.split, "the study's table"),
    )
    return tables


def _close(executor: Executor, warn: Callable[[str], None]) -> None:
    try:
        executor.close()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        warn(f"the executor failed to close: {said(error)}")


def _executor(options: Options, plugins: Plugins, modules: tuple[str, ...]) -> Executor:
    name = options.executor
    entry = plugins.executors[name]
    try:
        executor: Executor = resolve(entry.spec.factory)(
            ExecutorSettings(modules=modules, surroundings=options.surroundings)
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return BrokenExecutor(f"executor {name!r} of plugin {entry.plugin!r}", error)
    return executor


def _settled(
    cell: Cell, options: Options, table: Tables, import_from: tuple[str, ...]
) -> StatusRecord | None:
    """The status of a cell that need not run; None once its directory is ready for running."""
    directory = CellDirectory(cell.directory)
    found = settled(directory, table)
    if found is not None and not (options.rerun or found.lost):
        return _damaged(found) if found.damage or found.status is None else found.status
    if found is not None:
        shutil.rmtree(cell.directory)
    cell.directory.mkdir(parents=True, exist_ok=True)
    # Without its status the directory is unfinished work, which is resumed.
    (cell.directory / "status.json").unlink(missing_ok=True)
    record: WrittenCell = {
        **cast("PlannedCell", cell.record),
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "environment": dict(options.facts),
        "limits": cast("LimitsRecord", dict(options.limits)),
        "import_from": list(import_from),
    }
    directory.write_cell(record)
    try:
        _ = directory.history
    except HarnessError:
        # A log of what happened, from which nothing is computed: the cell begins another.
        (cell.directory / "history.jsonl").unlink()
    if cell.blocked is None:
        return None
    kind, reason = cell.blocked
    return write_status(directory, kind, reason, seconds=0.0, concurrent=False)  # type: ignore[arg-type]


def _damaged(found: Found) -> StatusRecord:
    """The status shown for a finished cell that is left alone although it is damaged."""
    return {
        "status": DAMAGED,  # type: ignore[typeddict-item]
        "reason": f"{'; '.join(found.damage)}; --rerun runs it again",
        "finished": "",
        "seconds": 0.0,
        "log_tail": [],
        "concurrent": False,
    }


@contextmanager
def _told_about_the_disk(directory: Path) -> Iterator[None]:
    """Errors of the disk as messages; the errors of everything else pass."""
    try:
        yield
    except OSError as error:
        where = error.filename or directory
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HarnessError(
                f"the disk is full ({where}); free some space and repeat the command: "
                "finished cells are kept and the others resume from their last epoch"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise HarnessError(
                f"{where} cannot be written ({error.strerror}); choose another --out", about="out"
            ) from error
        raise
