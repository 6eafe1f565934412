"""The other end of :mod:`harness_loggers.__main__`: a process that writes what it is sent."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import harness

PATIENCE = 120.0
"""Seconds for one answer. The first one waits for imports; with an account, for a server, too."""

QUIET: Mapping[str, str] = MappingProxyType(
    {
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
)
"""Variables of the libraries, unless the user's environment has them: nothing uses a network."""

_MISSED = "the rest of this run is not logged; repeat the command to log it"


class Writer:
    """A process of its own, so that a library that hangs, ends the process or prints cannot disturb
    the run, and what it changes of a process stays with it. It writes nothing before the first
    message: the study's folder may be another run's until then."""

    def __init__(self, name: str, folder: Path) -> None:
        """``folder`` is that of all loggers; what the library prints lies there, too."""
        self._name, self._log = name, folder / f"{name}.log"
        self._used = self._lost = False
        # A service of the user's own session is none of this process's.
        variables = {key: text for key, text in os.environ.items() if key != "WANDB_SERVICE"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __package__, name, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**QUIET, **variables},
            # Ctrl-C is for the run, which ends it.
            start_new_session=True,
        )

    def tell(self, message: Mapping[str, Any]) -> None:
        """Returns when the message has been written.

        Raises:
            HarnessError: it has not; or, once, nothing more can be. From then on nothing is logged,
                and nothing raised.
        """
        if self._lost:
            return
        self._used = True
        answer = self._answer(message)
        if answer is None:
            code = self._end()
            how = f"does not answer for {PATIENCE:g} s" if code is None else f"ended ({code})"
            raise harness.HarnessError(f"{self._name}: its writer {how}; {_MISSED} ({self._log})")
        if answer["error"] and not answer["ready"]:
            self._end()
            raise harness.HarnessError(f"{self._name}: {answer['error']}; {_MISSED} ({self._log})")
        if answer["error"]:
            raise harness.HarnessError(f"{self._name}: {answer['error']} ({self._log})")

    def close(self) -> None:
        """Let it finish; returns when it has ended.

        Raises:
            HarnessError: it did not end well.
        """
        if self._lost:
            return
        assert self._process.stdin is not None
        if not self._used:
            self._process.kill()
            self._end()
            return
        self._process.stdin.close()
        if (code := self._end(PATIENCE)) != 0:
            how = "did not end" if code is None else f"ended ({code})"
            raise harness.HarnessError(f"{self._name}: its writer {how} ({self._log})")

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        """None where there is none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            return None
        # One line for each message: none is waiting in the buffer.
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        line = self._process.stdout.readline() if ready else ""
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer

    def _end(self, patience: float = 1.0) -> int | None:
        """The exit code; None where the process has to be killed after so many seconds."""
        self._lost = True
        try:
            code: int | None = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            code = None
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # Of a message that nobody has read.
                pipe.close()
        return code
