"""One ``harness run``: the study on disk, the executor, the cells, the exit code."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from harness.data.store.prepared import open_store
from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.execution.cell_folders import finished, prepared
from harness.execution.contract.executor import Executor, RunningCell
from harness.execution.contract.observer import Observer
from harness.execution.missing import missing
from harness.execution.opened_executor import (
    adopted,
    check_detachable,
    check_pause,
    closed,
    opened,
)
from harness.execution.placement import Placement
from harness.execution.recording import Recording
from harness.execution.schedule import Terms, run_cells
from harness.execution.study_folder import locked, write_study
from harness.results.checks.finished_cell import look
from harness.results.checks.reference import Table, Tables
from harness.results.record import StatusRecord
from harness.results.rundir import CellDirectory
from harness.runtime.surroundings import Surroundings
from harness.storage.cache import cache_directory
from harness.storage.lease import Lease
from harness.study import Cell, Study, interpolations


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How cells are run; none of it changes a result."""

    placement: Placement
    timeout: float | None = None
    retries: int = 0
    """How often a cell is submitted again after its machine was lost."""
    detach: bool = False
    """Whether to return when all cells are submitted."""
    keep: Callable[[int], bool] = lambda running: False
    """Asked, when the run is interrupted, whether so many cells on other machines are to go on."""
    jobs: int | None = None
    data_root: Path | None = None
    """Where other machines find the dataset, where that is elsewhere than here."""
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
    image_sizes: Sequence[int],
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
    """Run what is not finished and return every cell's status, by its directory's name; without
    those of cells that a detached run has submitted.

    Args:
        say: is given notes, a line each.
        warn: is given what went wrong beside the cells, a line each.
        busy: is told of work before the first cell.
        command: the words of the command line, kept with the study.
        file: makes the study file to leave, as
            :func:`harness.execution.study_folder.write_study` has it.
        plugin_facts: what to record of every plugin, at the moment.

    Raises:
        HarnessError: the study's folder cannot be used, the disk is full, or the executor refuses
            to begin. What is finished stays as it is, and the same command resumes from there.
    """
    with _told_about_the_disk(study.directory), locked(study.directory, say) as held:
        write_study(study, command, file, plugin_facts())
        placement, tables = options.placement, _tables(study)
        recording = Recording(observer, say, warn)
        waiting: list[Cell] = []
        for cell in study.cells:
            status = None if options.rerun else finished(cell, tables)
            if status is None:
                waiting.append(cell)
            else:
                recording.finished(cell, status)
        if waiting:
            for note in missing():
                say(f"note: {note}")
            busy("asking the executor" if placement.elsewhere else "loading libraries")
            executor = opened(
                placement,
                waiting,
                plugins,
                study=study.directory,
                jobs=options.jobs,
                surroundings=options.surroundings,
            )

            def ready(cell: Cell) -> bool:
                status = prepared(
                    cell,
                    tables,
                    rerun=options.rerun,
                    facts=options.facts,
                    limits=options.limits,
                    import_from=plugins.import_from,
                )
                if status is not None:
                    recording.finished(cell, status)
                return status is None

            def keep() -> bool:
                return options.keep(sum(c.key not in recording.statuses for c in waiting))

            with closed(executor, warn, detach=options.detach, keep=keep):
                check_pause(executor, placement.executor)
                if options.detach:
                    check_detachable(executor, placement.executor)
                running = adopted(executor, placement.executor, waiting, say)
                cells = [cell for cell in waiting if cell.key in running or ready(cell)]
                if not placement.elsewhere:
                    _open_stores(study, image_sizes, cells, store_progress, say)
                _run(cells, executor, options, recording, tables, running, held)
                if again := recording.changed():
                    for cell in again:
                        shutil.rmtree(cell.directory, ignore_errors=True)
                    cells = [cell for cell in again if ready(cell)]
                    _run(cells, executor, options, recording, tables, {}, held)
        # Again, as more of their hooks have been called.
        write_study(study, command, file, plugin_facts())
        return recording.statuses


def _open_stores(
    study: Study,
    image_sizes: Sequence[int],
    cells: list[Cell],
    progress: Callable[[int, int], None],
    say: Callable[[str], None],
) -> None:
    """Cells on other machines do that themselves, as their cache may be another."""
    for size, interpolation in product(image_sizes, interpolations(cells)):
        store = open_store(
            study.dataset,
            size=size,
            interpolation=interpolation,
            cache=cache_directory(),
            progress=progress,
        )
        for note in store.notes:
            say(f"note: {note}")


def _run(
    cells: list[Cell],
    executor: Executor,
    options: Options,
    recording: Recording,
    tables: Tables,
    adopted: Mapping[str, RunningCell],
    held: Lease,
) -> None:
    if not cells:
        return
    alone = len(cells) == 1
    slots = options.placement.for_cells(len(cells))

    def check() -> None:
        if held.lost:
            raise HarnessError(
                f"{held.folder} was taken by another run while this one was stopped or cut off "
                "from its file system; this one ends"
            )

    def damage(cell: Cell) -> str:
        return "; ".join(look(CellDirectory(cell.directory), tables).damage)

    run_cells(
        cells,
        executor,
        tuple(replace(slot, concurrent=slot.concurrent and not alone) for slot in slots),
        recording,
        Terms(
            executor=options.placement.executor,
            timeout=options.timeout,
            elsewhere=options.placement.elsewhere,
            retries=options.retries,
            data_root=options.data_root,
            adopted=adopted,
            detach=options.detach,
            damage=damage,
            check=check,
        ),
    )


def exit_code(statuses: Mapping[str, StatusRecord], broken: bool) -> int:
    """0: all asked cells are ok or skipped by design; 1: some failed, or a plugin that was asked
    for did not load (``broken``); 3: nothing ran."""
    kinds = [status["status"] for status in statuses.values()]
    if broken or any(kind not in ("ok", "skipped") for kind in kinds):
        return 1
    return 0 if "ok" in kinds else 3


def _tables(study: Study) -> Tables:
    """The study's table as it was planned: nothing that a cell does to files can change it."""
    tables = Tables()
    for split in study.splits:
        tables.put(
            study.directory,
            study.dataset.fingerprint,
            Table(study.samples, split, "the study's table"),
        )
    return tables


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
