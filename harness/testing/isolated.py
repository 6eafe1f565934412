"""Makes checks in a process of their own, which may hang or die without taking the others along."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from harness.errors import HarnessError
from harness.execution.workers.process import PASSIVE_WAITING
from harness.planning.installed_plugins import Choice
from harness.runtime.process_tree import end_tree
from harness.testing.checks.check import Check
from harness.testing.outcome import Outcome, made

_LOOK_SECONDS = 0.2
"""Between two looks at whether the process still lives."""
_TAIL = 300
"""Characters of what it wrote last that a failure repeats."""


class Isolated:
    """Makes checks of one plugin; to be closed.

    Args:
        name: the plugin, or the id of a method.
        choice: which plugins there are.
        roots: dataset -> folder, as :func:`harness.testing.generate.checks_of` takes them.
        limit: seconds that one check may take.
    """

    def __init__(self, name: str, choice: Choice, roots: Mapping[str, Path], limit: float) -> None:
        self._asked = {
            "name": name,
            "plugin": [str(path) for path in choice.local],
            "roots": {key: str(path) for key, path in roots.items()},
        }
        self._limit = limit
        self._worker: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()
        self._written: IO[bytes] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def perform(self, check: Check) -> Outcome:
        """What comes of the check; a process that hangs or dies over it has failed it."""
        started = time.monotonic()
        worker = self._ready()
        try:
            _tell(worker, check.id)
        except BrokenPipeError:
            return self._died(check, worker, started)
        while time.monotonic() - started < self._limit:
            try:
                return Outcome(**json.loads(self._answers.get(timeout=_LOOK_SECONDS)))
            except queue.Empty:
                if worker.poll() is not None and self._answers.empty():
                    return self._died(check, worker, started)
        self.close()
        return made(check, "failed", f"still running after {self._limit:g} s", self._limit)

    def close(self) -> None:
        """End the process and whatever it has started."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        end_tree(worker.pid)
        worker.wait()
        assert self._written is not None and self._scratch is not None
        self._written.close()
        self._scratch.cleanup()

    def _ready(self) -> subprocess.Popen[str]:
        if self._worker is None:
            self._answers = queue.Queue()
            self._written = tempfile.TemporaryFile()  # noqa: SIM115 (until close())
            # What a killed process leaves behind goes with it.
            self._scratch = tempfile.TemporaryDirectory(prefix="harness-check-")
            self._worker = subprocess.Popen(
                [sys.executable, "-P", "-m", "harness.testing.worker", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._written,
                text=True,
                env={
                    "OMP_NUM_THREADS": "1",
                    **PASSIVE_WAITING,
                    **os.environ,
                    "TMPDIR": self._scratch.name,
                    "PYTHONPATH": os.pathsep.join(
                        folder for folder in sys.path if folder and isinstance(folder, str)
                    ),
                },
                start_new_session=True,
            )
            threading.Thread(target=_read, args=(self._worker, self._answers), daemon=True).start()
            with contextlib.suppress(BrokenPipeError):
                _tell(self._worker, self._asked)
        return self._worker

    def _died(self, check: Check, worker: subprocess.Popen[str], started: float) -> Outcome:
        code, words = worker.wait(), self._last_words()
        self.close()
        known = -code in set(signal.Signals)
        if code < 0:
            seen = f"killed by {signal.Signals(-code).name if known else f'signal {-code}'}"
        else:
            seen = f"it ended the process with exit code {code}"
        return made(check, "failed", seen + words, time.monotonic() - started)

    def _last_words(self) -> str:
        assert self._written is not None
        self._written.seek(0)
        lines = self._written.read().decode(errors="replace").strip().splitlines()
        return f", having written: {lines[-1][:_TAIL]}" if lines else ""


def _tell(worker: subprocess.Popen[str], message: object) -> None:
    if worker.stdin is None:
        raise HarnessError("the process that checks are made in has no standard input")
    worker.stdin.write(json.dumps(message) + "\n")
    worker.stdin.flush()


def _read(worker: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        answers.put(line)
