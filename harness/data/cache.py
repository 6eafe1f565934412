"""Where the harness keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """The cache folder, which need not exist yet.

    ``CXR_HARNESS_CACHE`` names it; otherwise it is ``cxr-harness`` under ``XDG_CACHE_HOME``, or
    under ``~/.cache``.
    """
    if chosen := os.environ.get("CXR_HARNESS_CACHE"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG base directory specification has relative values ignored.
    home = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return home / "cxr-harness"
