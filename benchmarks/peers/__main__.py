"""``python -m benchmarks.peers``: the harness beside the usual ways, as a table of ratios."""

from __future__ import annotations

import os
import sys

from harness.execution.workers.process import KEPT_MEMORY, PASSIVE_WAITING

WANTED = {"OMP_NUM_THREADS": "1", **PASSIVE_WAITING, **KEPT_MEMORY}
"""What the harness gives its cells, all contestants get."""


def main() -> None:
    if {name: os.environ.get(name) for name in WANTED} != WANTED:
        # Some of it is read when a process starts, all of it before torch is imported.
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **WANTED})
    from benchmarks.peers.command import main as compare

    compare()


main()
