"""However a command ends, and whatever a plugin has started by then: nothing of it lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli_tools import TINY, command, environment

START = """
import pathlib, subprocess, sys, time


def start_and_hang():
    code = "import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    pid = pathlib.Path({pid!r})
    pid.with_suffix(".new").write_text(str(child.pid))
    pid.with_suffix(".new").rename(pid)
    time.sleep(600)
"""
LIGHT = """
import harness

HARNESS_API = 1


@harness.hookimpl
def harness_methods():
    {early}
    yield harness.MethodSpec(
        name="net", factory="starter:build", task="classification", family="mine", summary="Starts"
    )


def build(problem, **params):
    start_and_hang()
"""
FAST = (*TINY, "--set", "image_size=32", "--set", "probe_seconds=none", "--no-progress")


def lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def wait_for(what: str, condition: object, seconds: float = 120) -> None:
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells who has started")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("early", "verb"),
    [
        ("start_and_hang()", ("plugins",)),
        ("", ("run", "--plugins", "starter", "--out", "out", *FAST)),
    ],
    ids=["described", "run"],
)
def test_a_command_that_ends_early_leaves_no_process(
    tmp_path: Path, how: signal.Signals, early: str, verb: tuple[str, ...]
) -> None:
    started = tmp_path / "pid"
    plugin = tmp_path / "starter.py"
    plugin.write_text(START.format(pid=str(started)) + LIGHT.format(early=early))
    process = subprocess.Popen(
        command(*verb, "--plugin", plugin),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that starts it in the background has it ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for("the plugin has started nothing", started.exists)
    child = int(started.read_text())
    assert lives(child)
    os.kill(process.pid, how)
    said, _ = process.communicate(timeout=60)
    wait_for("what the plugin has started lives on", lambda: not lives(child), 20)
    assert "Traceback" not in said
