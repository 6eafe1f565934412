"""How long the command line takes to say something."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.peers.measure import spread
from benchmarks.peers.row import Row

COMMANDS = (("--help", 0.15), ("plugins", 0.25))
"""Arguments of ``harness``, and the CPU seconds that they may take."""


def cpu_seconds(*arguments: str) -> float:
    """User and system time of ``harness ARGUMENTS`` in a process of its own."""
    child = subprocess.Popen(
        [sys.executable, "-m", "harness.cli.main", *arguments], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"harness {' '.join(arguments)} ended with code {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def startup(rounds: int) -> Iterator[Row]:
    """CPU seconds, which depend on the machine's speed but hardly on what else it does."""
    for arguments, _ in COMMANDS:
        cpu_seconds(arguments)
    taken: dict[str, list[float]] = {arguments: [] for arguments, _ in COMMANDS}
    for _ in range(rounds):
        for arguments, _ in COMMANDS:
            taken[arguments].append(cpu_seconds(arguments))
    for arguments, target in COMMANDS:
        yield Row(
            comparison="startup",
            what=f"CPU time of 'harness {arguments}'",
            value=spread(taken[arguments]),
            target=target,
            unit="s",
        )
