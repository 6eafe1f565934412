"""The warm server: imports libraries once, then forks a process per cell.

``python -P -m harness.execution.server PARENT MODULE…``; one JSON message per line on both
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
import traceback
from pathlib import Path
from typing import Any

from harness.cell import EPOCH_METRICS
from harness.runtime.process_tree import die_with_parent


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


def _run(message: dict[str, Any]) -> None:
    """In the forked process: run the cell, all output into its log, and never return."""
    code = 1
    try:
        directory = Path(message["directory"])
        log = _open_log(directory / "log.txt")
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        from harness.cell.run import run_cell
        from harness.machine import Resources

        resources = Resources(
            device=message["device"], threads=message["threads"], concurrent=message["concurrent"]
        )
        code = run_cell(directory, resources, asked=message["asked"])
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
    cells: dict[int, int] = {}
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
                        _run(message)
                    cells[pid] = message["cell"]
                    _say({"event": "started", "cell": message["cell"], "pid": pid}, out)
                elif message["command"] == "kill":
                    for pid, cell in cells.items():
                        if cell == message["cell"]:
                            _kill(pid)
    for pid in cells:
        _kill(pid)


def _kill(pid: int) -> None:
    """The cell and whatever it has started itself."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _reap(cells: dict[int, int], out: int) -> None:
    while cells:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        if (cell := cells.pop(pid, None)) is not None:
            _say({"event": "exit", "cell": cell, "code": code}, out)


def main() -> None:
    """Serve on a copy of standard output, which everything else must not write to."""
    die_with_parent(int(sys.argv[1]))
    out = os.dup(1)
    os.dup2(2, 1)
    _warm(sys.argv[2:], out)
    _say({"event": "ready"}, out)
    _serve(out)


if __name__ == "__main__":
    main()
