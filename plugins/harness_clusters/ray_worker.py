"""What Ray runs on a node. Imported by Ray's workers: light."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run_words(words: Sequence[str]) -> int:
    """``harness run-cell``, by the interpreter of this node; its exit code.

    Args:
        words: of :func:`harness.cell_command`.
    """
    # Ray ends this process to cancel the task: the cell follows.
    return subprocess.call([sys.executable, *words[1:], "--with-parent"])


def leave_token(folder: str, token: str) -> tuple[str, str]:
    """Write a file into a folder that must be there; the node's name and what is wrong."""
    path = Path(folder)
    if not (path / "study.json").is_file():
        return platform.node(), "there is no such study there"
    try:
        (path / token).write_text(str(os.getpid()))
    except OSError as error:
        return platform.node(), f"it cannot be written there ({error.strerror})"
    return platform.node(), ""
