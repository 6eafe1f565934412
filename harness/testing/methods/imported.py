"""The first import of a factory's module, and what it changes of the process."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

from harness.errors import HarnessError
from harness.runtime.resolve import resolve
from harness.testing.methods.process_state import ProcessState

LONGEST = 120
"""Seconds that an import in another process may take."""

_SCRIPT = """
import json, sys
from harness.testing.methods.imported import first_import
print(json.dumps(first_import(sys.argv[1])))
"""


def first_import(reference: str) -> tuple[str, ...]:
    """What importing the module of ``"package.module:callable"`` has changed, a few words each.

    Where it has been imported already, another process finds out.

    Raises:
        HarnessError: the module or the name cannot be imported.
    """
    module = reference.partition(":")[0]
    if module not in _CHANGES and module not in sys.modules:
        # Torch itself sets and replaces some of what is looked at when it first imports this.
        importlib.import_module("torch._dynamo")
        before = ProcessState.capture()
        try:
            resolve(reference)
            _CHANGES[module] = before.changes(drawn=True)
        finally:
            before.restore()
    resolve(reference)
    if module not in _CHANGES:
        _CHANGES[module] = _elsewhere(reference)
    return _CHANGES[module]


_CHANGES: dict[str, tuple[str, ...]] = {}
"""By module, of those that have been imported: a first import comes once."""


def _elsewhere(reference: str) -> tuple[str, ...]:
    command = [sys.executable, "-P", "-c", _SCRIPT, reference]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise HarnessError(
            f"{reference}: in a process of its own it cannot be imported: {said[-1]}"
        )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return tuple(found)
