"""The warm server: imports libraries once, then forks a process per cell.

``python -P -m harness.execution.workers.server PARENT MODULE…``; one JSON message per line on both
pipes. It ends, and its cells with it, when its standard input closes or its parent dies.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from harness.cell import EPOCH_METRICS
from harness.machine import Resources
from harness.results.rundir import CellDirectory
from harness.runtime.process_tree import (
    adopt_orphans,
    children,
    die_with_parent,
    end_all_with_parent,
    end_children,
    end_group,
)
from harness.values.plain_text import on_screen

_MOMENT = 0.5
"""Seconds that what a cell has started may outlive it."""


@dataclass(frozen=True, slots=True)
class _Forked:
    """A cell that runs."""

    number: int
    directory: Path


def _say(message: dict[str, Any], out: int) -> None:
    os.write(out, (json.dumps(message) + "\n").encode())


def _warm(modules: list[str], out: int) -> None:
    """Import what cells will import. A failure recurs, reported, in the cell that needs it."""
    for module in ("harness.cell.run", *modules):
        _import(module, out)
    method = sys.modules.get("harness.training.method")
    if method is not None and method.TorchMethod.__subclasses__():
        _import(EPOCH_METRICS, out)


def _import(module: str, out: int) -> None:
    _say({"event": "warming", "module": module}, out)
    with contextlib.suppress(Exception, SystemExit):
        importlib.import_module(module)


def _run(message: dict[str, Any]) -> NoReturn:
    """In the forked process, which must never go on as the server."""
    try:
        root = message["data_root"]
        run_forked(
            Path(message["directory"]),
            Resources(
                device=message["device"],
                threads=message["threads"],
                concurrent=message["concurrent"],
            ),
            asked=message["asked"],
            data_root=None if root is None else Path(root),
        )
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def run_forked(
    directory: Path,
    resources: Resources,
    *,
    asked: float,
    began: float | None = None,
    data_root: Path | None = None,
    leased: bool = False,
) -> NoReturn:
    """In the forked process: run the cell, all output into its log, and never return."""
    code = 1
    try:
        log = _open_log(directory / "log.txt")
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        from harness.cell.run import run_cell

        code = run_cell(
            directory, resources, asked=asked, began=began, data_root=data_root, leased=leased
        )
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _open_log(path: Path) -> int:
    """Until it is open, what is said goes to the user's terminal: a line where there is something
    to say. That the cell's folder has been removed is what its row says."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except FileNotFoundError:
        os._exit(1)
    except OSError as error:
        said = f"harness: {path}: cannot be written ({error.strerror})\n"
        os.write(2, said.encode(errors="backslashreplace"))
        os._exit(1)


def _serve(out: int) -> None:
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    cells: dict[int, _Forked] = {}
    pending = b""
    server = os.getpid()
    while True:
        ready, _, _ = select.select([0, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            _reap(cells, out)
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if message["command"] == "run":
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        die_with_parent(server)
                        for descriptor in (wake_read, wake_write, out):
                            os.close(descriptor)
                        os.setpgid(0, 0)
                        # What it starts stays below it, and is ours when it ends.
                        adopt_orphans()
                        _run(message)
                    cells[pid] = _Forked(message["cell"], Path(message["directory"]))
                    _say({"event": "started", "cell": message["cell"], "pid": pid}, out)
                elif message["command"] == "kill":
                    for pid, cell in cells.items():
                        if cell.number == message["cell"]:
                            end_group(pid)
    for pid in cells:
        end_group(pid)
    end_children()


def _reap(cells: dict[int, _Forked], out: int) -> None:
    """Report the cells that have ended, and end what they have left running."""
    while cells:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        if (cell := cells.pop(pid, None)) is not None:
            end_rest(cell.directory, frozenset(cells))
            code = os.waitstatus_to_exitcode(status)
            _say({"event": "exit", "cell": cell.number, "code": code}, out)


def end_rest(directory: Path, running: frozenset[int]) -> None:
    """End what a cell has left running, and name it in its history. Helpers that see that they are
    alone end by themselves, given a moment."""
    until = time.monotonic() + _MOMENT
    while any(process.pid not in running for process in children()):
        if time.monotonic() > until:
            left = [f"{on_screen(p.command)} (pid {p.pid})" for p in end_children(running)]
            with contextlib.suppress(OSError):  # Its folder may have been removed.
                CellDirectory(directory).append_history(
                    {"event": "left_running", "processes": left}
                )
            return
        time.sleep(0.02)


def main() -> None:
    """Serve on a copy of standard output, which everything else must not write to."""
    end_all_with_parent(int(sys.argv[1]))
    adopt_orphans()
    out = os.dup(1)
    os.dup2(2, 1)
    _warm(sys.argv[2:], out)
    _say({"event": "ready"}, out)
    _serve(out)


if __name__ == "__main__":
    main()
