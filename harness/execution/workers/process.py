"""Runs every cell in a fresh process, forked from a server that has imported the libraries.

The server never touches a device, so a cell inherits imported modules and nothing else: no memory
pool, no random state, no kernel cache of an earlier cell. It imports bundled modules only, and is
given the surroundings that the command had before it described plugins. A module that kills the
server while it is imported costs only the cells that need it: the server starts again without it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from harness.errors import HarnessError
from harness.execution.contract.executor import CellFacts, ExecutorSettings
from harness.machine import Resources
from harness.runtime.home import substitutes
from harness.storage.cache import cache_directory

PASSIVE_WAITING = {"GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
"""OpenMP threads that spin make a loaded machine up to 35 times slower."""
KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
"""What glibc would give back after every step, the system would have to clear for the next: a
training step of ResNet-18 at 64 px takes 7 % longer."""

SERVER = "harness.execution.workers.server"


class _ForkedCell:
    """Filled in by the executor's reader as the server reports."""

    def __init__(self, executor: ProcessExecutor) -> None:
        self._executor = executor
        self.pid: int | None = None
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def kill(self) -> None:
        self._executor.send({"command": "kill", "cell": id(self)})


class ProcessExecutor:
    """See :class:`harness.execution.contract.executor.Executor`."""

    def __init__(self, settings: ExecutorSettings) -> None:
        self._cells: dict[int, _ForkedCell] = {}
        self._unsafe: set[str] = set()
        self._modules = settings.modules
        self._surroundings = settings.surroundings
        self._server = self._start()

    def _start(self) -> subprocess.Popen[str]:
        """A server that is warm and ready; modules that kill it are left out, one per try."""
        while True:
            modules = [m for m in self._modules if m not in self._unsafe]
            server = subprocess.Popen(
                # -P: what lies in the working directory is none of the cells' business.
                [sys.executable, "-P", "-m", SERVER, str(os.getpid()), *modules],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={
                    **PASSIVE_WAITING,
                    **KEPT_MEMORY,
                    **self._surroundings.environment,
                    **substitutes(cache_directory()),
                },
                cwd=self._surroundings.directory,
                start_new_session=True,
            )
            assert server.stdout is not None
            warming: str | None = None
            for line in server.stdout:
                event = json.loads(line)
                if event["event"] == "ready":
                    threading.Thread(target=self._read, args=(server,), daemon=True).start()
                    return server
                warming = event["module"]
            server.wait()
            if warming is None or warming in self._unsafe:
                raise HarnessError(
                    f"the process that cells are forked from ended with code {server.returncode} "
                    "before it was ready; try --executor inline to see why"
                )
            self._unsafe.add(warming)

    def _read(self, server: subprocess.Popen[str]) -> None:
        assert server.stdout is not None
        for line in server.stdout:
            event = json.loads(line)
            cell = self._cells[event["cell"]]
            if event["event"] == "started":
                cell.pid = event["pid"]
            elif event["event"] == "exit":
                cell.code = event["code"]
        for cell in self._cells.values():
            if cell.code is None:
                cell.code = -9

    def send(self, message: dict[str, object]) -> None:
        """Hand the server one message; one that has ended has no cell left to hear it."""
        assert self._server.stdin is not None
        if self._server.poll() is not None:
            return
        with contextlib.suppress(BrokenPipeError):  # It has ended just now.
            self._server.stdin.write(json.dumps(message) + "\n")
            self._server.stdin.flush()

    def submit(self, directory: Path, resources: Resources, facts: CellFacts) -> _ForkedCell:
        if self._server.poll() is not None:
            self._server = self._start()
        cell = _ForkedCell(self)
        self._cells[id(cell)] = cell
        self.send(
            {
                "command": "run",
                "cell": id(cell),
                "directory": str(directory),
                "device": resources.device,
                "threads": resources.threads,
                "concurrent": resources.concurrent,
                "asked": facts.asked,
                "data_root": None if facts.data_root is None else str(facts.data_root),
            }
        )
        return cell

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        try:
            self._server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
