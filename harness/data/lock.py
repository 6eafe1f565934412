"""A lock between processes that a dead holder cannot keep."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError

_POLL_SECONDS = 0.1


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file at ``path``; ``waiting`` is called now and then until it is free.

    Raises:
        HarnessError: the file cannot be made or its file system cannot lock.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise HarnessError(
            f"{path.parent}: cannot be written ({error.strerror}); "
            "set CXR_HARNESS_CACHE to a folder with room"
        ) from error
    with file:
        while not _acquired(file.fileno(), path):
            waiting()
            time.sleep(_POLL_SECONDS)
        # Closing the file releases the lock. The file stays: removing it would let a third process
        # lock a new one while a second still waits for this.
        yield


@contextmanager
def unless_held(path: Path) -> Iterator[bool]:
    """Hold the lock file at ``path`` if nobody does, and tell whether it is held now.

    A file that is missing is held by nobody, and is not made. Where the file system cannot lock,
    nobody can tell, so it counts as held.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield True
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _acquired(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise HarnessError(
            f"{path}: this file system cannot lock files ({error.strerror}); "
            "set CXR_HARNESS_CACHE to a local folder"
        ) from error
    return True
