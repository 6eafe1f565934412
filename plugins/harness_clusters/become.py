"""What runs on a node of a cluster first: it becomes the process that watches a cell."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn


def become(words: Sequence[str]) -> NoReturn:
    """Go on as ``harness run-cell``, by the interpreter of this node.

    Args:
        words: of :func:`harness.cell_command`.
    """
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT):
        # What a queue sends as a warning would end a process that does not expect it.
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *words[1:]])
