"""Files that can be opened: what else lies in folders may wait for ever."""

from __future__ import annotations

import stat
from pathlib import Path

from harness.errors import HarnessError

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_kind(path: Path) -> str:
    """What is there instead of a file or folder: ``"a named pipe"``, ``"a socket"`` or
    ``"a device"``; empty where it is a file, a folder or nothing."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""  # Opening it reports the error.
    return next((kind for known, kind in _KINDS if known(mode)), "")


def require_regular(path: Path) -> None:
    """Raise HarnessError where a pipe, a socket or a device is instead of a file: opening a pipe
    waits for somebody to write."""
    if kind := special_kind(path):
        raise HarnessError(f"{path}: is {kind}, not a regular file; move it elsewhere")
