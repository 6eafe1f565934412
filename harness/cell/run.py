"""One cell from ``cell.json`` to ``status.json``: who holds it, and how it ended."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from harness.cell.construct import LoadFailedError, first_line
from harness.cell.environment import reset_peak_memory
from harness.cell.imported_code import libraries_as_recorded
from harness.cell.steps import Steps
from harness.errors import HarnessError, Skip, text_of
from harness.machine import Resources
from harness.results.record import Status
from harness.results.rundir import LEASE, CellDirectory, write_status
from harness.runtime.neighbours import among_neighbours
from harness.storage.lease import lease
from harness.training.clock import Clock

LEFT = "its code called sys.exit(); a method or metric that cannot continue must raise an exception"


def run_cell(
    directory: Path,
    resources: Resources,
    *,
    asked: float,
    began: float | None = None,
    data_root: Path | None = None,
    leased: bool = False,
) -> int:
    """Run the cell and leave its status; 0 for ``ok`` and ``skipped``, else 1.

    Waits while another process runs the same cell, and leaves one alone that has its status then.
    An interrupt passes through and leaves no status: the cell is unfinished.

    Args:
        asked: when the cell was asked for, by ``time.time``, of whichever machine.
        began: when its process was started, by ``time.time`` of this machine; what passed since
            ``asked`` is ``queued``. None: when it was asked for.
        data_root: where the dataset is on this machine; None: where the study says.
        leased: whether the process that has started this one holds the cell.
    """
    with _held(directory, leased) as free, among_neighbours(resources.concurrent) as met:
        if not free:
            status = CellDirectory(directory).status
            return 0 if status is not None and status["status"] in ("ok", "skipped") else 1
        return _run_cell(directory, resources, _clock(asked, began), met, data_root)


@contextmanager
def _held(directory: Path, leased: bool) -> Iterator[bool]:
    """Hold the cell; yields whether it has no status, as another process may have run it."""
    if leased or not directory.is_dir():
        yield True  # That a folder is missing is told by what reads it.
        return
    with lease(directory.absolute() / LEASE, lambda: None):
        yield not (directory / "status.json").exists()


def _clock(asked: float, began: float | None) -> Clock:
    """Of the wall clock, only the distance to now is used: the clocks of two machines differ, and
    one may be set while a cell runs."""
    since = asked if began is None else began
    return Clock(time.monotonic() - max(0.0, time.time() - since), queued=since - asked)


def _run_cell(
    directory: Path,
    resources: Resources,
    clock: Clock,
    met: Callable[[], bool],
    data_root: Path | None,
) -> int:
    # A method may change the working directory.
    directory = directory.absolute()
    reset_peak_memory()
    status: Status
    advice, explained = "", False
    try:
        cell = Steps(directory, resources, clock, data_root)
        try:
            # Methods and metrics may import a library when they need it.
            with libraries_as_recorded():
                cell.run()
        except BaseException:
            advice = cell.smaller_batches()
            raise
        status, reason = "ok", ""
    except Skip as error:
        status, reason = "skipped", text_of(error)
    except LoadFailedError as error:
        traceback.print_exc()
        status, reason = "load_failed", str(error)
    except (torch.OutOfMemoryError, MemoryError) as error:
        traceback.print_exc()
        status, reason = "oom", first_line(error) + advice
    except SystemExit as error:
        traceback.print_exc()
        last = traceback.extract_tb(error.__traceback__)[-1]
        status, reason = "failed", f"{LEFT} ({last.filename}:{last.lineno})"
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        traceback.print_exc()
        text = text_of(error)
        memory = "not enough memory" in text or "out of memory" in text
        status, reason = (
            ("oom", first_line(error) + advice) if memory else ("failed", first_line(error))
        )
        explained = isinstance(error, HarnessError) and status == "failed"
    sys.stderr.flush()
    write_status(
        CellDirectory(directory),
        status,
        reason,
        seconds=clock.spent(),
        concurrent=met(),
        explained=explained,
    )
    return 0 if status in ("ok", "skipped") else 1
