"""Checks of a plugin as a whole: can it be described?"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from harness.discovery.registry import PluginRecord
from harness.testing.checks.check import BrokenPromiseError, Check, NotCheckedError, Promise

ENTRY_POINT = Promise(
    name="entry-point",
    group="static",
    contract="one entry point of group cxr_harness names a module that imports and states the "
    "HARNESS_API of this harness",
    fix="correct the entry point in pyproject.toml or the module that it names, and install again",
)
LIGHT_IMPORT = Promise(
    name="light-import",
    group="static",
    contract="describing a plugin imports no torch, torchvision, timm, transformers or "
    "segmentation-models-pytorch, at any depth",
    fix="move the import into the module that the factory names, or into the function that uses it",
)
HOOKS = Promise(
    name="hooks",
    group="static",
    contract="every function whose name begins with harness_ is a hook, has the "
    "@harness.hookimpl decorator, and takes arguments of this hook only",
    fix="write the hook as harness.hookspecs has it, or give the function another name",
)
SPECS = Promise(
    name="specs",
    group="static",
    contract="registration hooks yield valid records of their kind, each name once and none that "
    "another plugin offers",
    fix="correct the record that the message names",
)
PROMISES = (ENTRY_POINT, LIGHT_IMPORT, HOOKS, SPECS)
LONGEST = 60
"""Seconds that finding out why a plugin was not described may take."""

_STAGES = f"""
import importlib, sys
from harness.discovery.describe import implementations_of
from harness.discovery.import_guard import ImportGuard
from harness.specs import HARNESS_API

stage = "{ENTRY_POINT.name}"
try:
    with ImportGuard(__name__):
        module = importlib.import_module(sys.argv[2])
        assert module.HARNESS_API == HARNESS_API
        stage = "{HOOKS.name}"
        implementations_of(sys.argv[1], module)
        stage = "{SPECS.name}"
finally:
    sys.stderr.write(f"\\nstage:{{stage}}\\n")
"""
"""Goes as far as it can; what it has reached last is where the plugin breaks."""


def plugin_checks(record: PluginRecord) -> Iterator[Check]:
    """Four checks, of which one at most fails: describing a plugin ends at the first mistake."""
    for index, promise in enumerate(PROMISES):

        def function(promise: Promise = promise, index: int = index) -> None:
            if record.status == "ok":
                return
            broken = _broken(record)
            if promise is broken:
                raise BrokenPromiseError(f"{record.status}: {record.reason}")
            if index > PROMISES.index(broken):
                raise NotCheckedError(f"not reached: {broken.name} fails")

        yield Check(subject=record.name, promise=promise, function=function)


def _broken(record: PluginRecord) -> Promise:
    """The promise that a plugin breaks which was not described."""
    if record.status in ("incompatible", "disabled"):
        return ENTRY_POINT
    if record.status == "conflict":
        return SPECS if record.reason.startswith("offers ") else ENTRY_POINT
    if record.reason.startswith("imports "):
        return LIGHT_IMPORT
    reached = _reached(record)
    return next((promise for promise in PROMISES if promise.name == reached), ENTRY_POINT)


def _reached(record: PluginRecord) -> str:
    """Where describing it ends, found out in a process of its own: it may not come back."""
    command = [sys.executable, "-P", "-c", _STAGES, record.name, record.target]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return ENTRY_POINT.name
    # Behind it, the traceback of what went wrong.
    return done.stderr.rpartition("\nstage:")[2].partition("\n")[0]
