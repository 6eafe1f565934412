"""What a user waits for before anything begins."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from benchmarks.timed import Timed


def cpu_of_children() -> float:
    """Seconds of user and system time of the processes that have ended: steadier than wall time."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.benchmark(group="start-up: CPU time of a fresh process", timer=cpu_of_children)
@pytest.mark.parametrize("argument", ["--help", "plugins"])
def test_start_up(timed: Timed, argument: str) -> None:
    line = [sys.executable, "-m", "harness.cli.main", argument]
    timed(lambda: subprocess.run(line, check=True, stdout=subprocess.DEVNULL), rounds=10)
