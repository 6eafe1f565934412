"""What this machine lacks, and what cells do without it: the run that starts them notes it once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.runtime.home import NO_HOME, home
from harness.storage.cache import cache_directory
from harness.storage.lock import can_lock, without_locks

UNTIMED = (
    "cells that are timed at the same moment disturb each other; use --jobs 1, or set TMPDIR to a "
    "folder on another file system"
)


def missing() -> Iterator[str]:
    """Notes on a missing home folder, and on a folder for temporary files that has no locks. Those
    on the study's folder and on the cache come from what opens them."""
    if home() is None:
        yield f"{NO_HOME}: libraries keep their files in {cache_directory()}"
    shared = Path(tempfile.gettempdir())
    if not can_lock(shared):
        yield without_locks(shared, UNTIMED)
