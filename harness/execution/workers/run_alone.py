"""One cell in a process of its own, watched by another: what ``harness run-cell`` does.

The process that watches imports no library. It leaves signs of life, ends what the cell leaves
running, keeps its log short, and is what a queue kills.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError
from harness.execution.watching.endings import killed
from harness.execution.watching.log_limit import cut_log
from harness.execution.workers.process import KEPT_MEMORY, PASSIVE_WAITING
from harness.execution.workers.same_code import other_code
from harness.execution.workers.server import end_rest, run_forked
from harness.machine import Resources
from harness.results.record import CellRecord
from harness.results.rundir import LEASE, CellDirectory, write_status
from harness.runtime.home import substitutes
from harness.runtime.process_tree import (
    adopt_orphans,
    die_with_parent,
    end_children,
    term_with_parent,
)
from harness.runtime.resolve import make_importable
from harness.storage.cache import cache_directory
from harness.storage.lease import Lease, lease, read

LOOK_SECONDS = 0.2
"""Between two looks at the process of the cell."""


def run_alone(
    directory: Path,
    resources: Resources,
    *,
    asked: float,
    began: float,
    data_root: Path | None = None,
    with_parent: bool = False,
) -> int:
    """Run the cell in the folder and leave its status, unless it has one; 0 for ``ok`` and
    ``skipped``, else 1.

    Killed, it leaves no status: the cell is unfinished, and continues from its checkpoint.

    Args:
        asked, began, data_root: as :func:`harness.run_cell` takes them.
        with_parent: whether to end when the process that has started this one ends (Linux).

    Raises:
        HarnessError: there is no cell in the folder.
    """
    parent = os.getppid()
    directory = directory.absolute()
    cell = CellDirectory(directory)
    record = _record(directory)
    adopt_orphans()
    watcher = os.getpid()
    go, write = os.pipe()
    pid = os.fork()  # Before this process has a thread.
    if pid == 0:
        os.close(write)
        if os.read(go, 1):
            _run(directory, resources, watcher, asked, began, data_root)
        os._exit(0)
    os.close(go)
    signal.signal(signal.SIGTERM, _end)
    if with_parent:
        term_with_parent(parent)
    signal.signal(signal.SIGINT, _end)
    try:
        with lease(directory / LEASE, _waiting(directory)) as held:
            code = _without_running(cell, record)
            if code is None:
                os.write(write, b"!")
                code = _watch(cell, pid, held)
            return code
    finally:
        os.close(write)


def planned_device(directory: Path) -> str:
    """The kind of device by which the cell in the folder is named.

    Raises:
        HarnessError: there is no cell in the folder.
    """
    return _record(directory.absolute())["device"]


def _record(directory: Path) -> CellRecord:
    if not (directory / "cell.json").exists():
        raise HarnessError(
            f"{directory}: holds no cell.json as {platform.node()} sees it; the results folder "
            "must be on a file system that all machines share, under one path"
        )
    return CellDirectory(directory).cell


def _without_running(cell: CellDirectory, record: CellRecord) -> int | None:
    """The exit code of a cell that has its status, or must not run here."""
    if (status := cell.status) is not None:
        return 0 if status["status"] in ("ok", "skipped") else 1
    make_importable(record.get("import_from", ()))
    cell.append_history({"event": "begun", "host": platform.node(), "pid": os.getpid()})
    if reason := other_code(record):
        write_status(cell, "load_failed", reason, seconds=0.0, concurrent=False, explained=True)
        return 1
    return None


def _waiting(directory: Path) -> Callable[[], None]:
    """Says once that another process runs the cell."""
    said = False

    def wait() -> None:
        nonlocal said
        if not said:
            said = True
            print(f"waiting: {directory} is in use by {read(directory / LEASE)}", flush=True)

    return wait


def _run(
    directory: Path,
    resources: Resources,
    watcher: int,
    asked: float,
    began: float,
    data_root: Path | None,
) -> NoReturn:
    die_with_parent(watcher)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setpgid(0, 0)
    adopt_orphans()
    run_forked(directory, resources, asked=asked, began=began, data_root=data_root, leased=True)


def _watch(cell: CellDirectory, pid: int, held: Lease) -> int:
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        cut_log(cell.path / "log.txt", ended=ended != 0)
        if ended:
            end_rest(cell.path, frozenset())
            code = os.waitstatus_to_exitcode(status)
            if code >= 0:
                return code
            print(f"the process of the cell was {killed(-code)}", file=sys.stderr, flush=True)
            # By a shell's convention, as queues pass on exit codes only.
            return 128 - code
        if held.lost:
            end_children()
            print(f"ended: {cell.path} was taken by another process", flush=True)
            return 1
        time.sleep(LOOK_SECONDS)


def _end(number: int, _: object) -> NoReturn:
    """End the cell with all that it has started; its checkpoint stays."""
    end_children()
    os._exit(128 + number)


def wanted_environment() -> dict[str, str]:
    """What a cell's process should be started with, and this one was not: libraries read it as
    they are loaded, and the C library as the process starts."""
    wanted = {**PASSIVE_WAITING, **KEPT_MEMORY, **substitutes(cache_directory())}
    return {name: value for name, value in wanted.items() if name not in os.environ}


def process_began() -> float:
    """When this process was started, by ``time.time``."""
    if sys.platform == "linux":
        stat = Path("/proc/self/stat").read_bytes()
        ticks = int(stat.rpartition(b")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text().split()[0])
        return time.time() - max(0.0, up - ticks / os.sysconf("SC_CLK_TCK"))
    return time.time()
