"""Where the harness keeps what it can make again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError
from harness.runtime.home import NO_HOME, expanded, home

VARIABLE = "CXR_HARNESS_CACHE"
"""Environment variable: the cache folder."""


def cache_directory() -> Path:
    """The cache folder, which need not exist yet.

    ``CXR_HARNESS_CACHE`` names it; otherwise it is ``cxr-harness`` under ``XDG_CACHE_HOME``, or
    under ``~/.cache``.

    Raises:
        HarnessError: none of them is known.
    """
    if chosen := os.environ.get(VARIABLE):
        return expanded(chosen, VARIABLE).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG base directory specification has relative values ignored.
    if base and Path(base).is_absolute():
        return Path(base) / "cxr-harness"
    if (own := home()) is None:
        raise HarnessError(f"{NO_HOME}; set {VARIABLE} to a folder that can be written")
    return own / ".cache" / "cxr-harness"


@contextmanager
def kept_in_cache(path: Path) -> Iterator[None]:
    """Around what writes a file of the cache; its folder is made.

    Raises:
        HarnessError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise HarnessError(
            f"{path}: the cache cannot be written ({error.strerror}); "
            "set CXR_HARNESS_CACHE to a folder with room"
        ) from error
