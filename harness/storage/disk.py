"""Disk space: what files take, and what is free."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what vanishes meanwhile is left out."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = Path(folder, name).lstat()
                total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def nearest_folder(path: Path) -> Path:
    """The path itself, or the first of those above it that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def free_bytes(folder: Path) -> int:
    """Bytes that are free where the folder is, or will be."""
    return shutil.disk_usage(nearest_folder(folder)).free
