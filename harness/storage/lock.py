"""Locks between processes of one machine that a dead holder cannot keep.

Some file systems have none (of network, in user space), and on some they hold on one machine only:
what several machines share is guarded by a lease as well (:mod:`harness.storage.lease`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from harness.errors import HarnessError
from harness.storage.lease import lease

_POLL_SECONDS = 0.1

Outcome = Literal["held", "busy", "impossible"]
"""Of an attempt to lock: we hold it, another process does, or the file system has no locks."""


def take(descriptor: int, how: int) -> Outcome:
    """Lock an open file as ``fcntl.flock`` does; closing the file releases it."""
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return "busy"
    except OSError:
        # Which error says so differs: ENOLCK, ENOTSUP, EINVAL, ENOSYS, EBADF, EIO.
        return "impossible"
    return "held"


def can_lock(folder: Path) -> bool:
    """Whether files in the folder can be locked; True where none can be made, which is told where
    one is needed."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return take(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB) != "impossible"
    except OSError:
        return True


def without_locks(folder: Path, consequence: str) -> str:
    """The note about a folder whose file system has no locks."""
    return f"{folder} is on a file system without file locks: {consequence}"


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file at ``path``, of all machines; ``waiting`` is called now and then until it
    is free.

    Raises:
        HarnessError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        while take(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB) == "busy":
            waiting()
            time.sleep(_POLL_SECONDS)
        # Closing the file releases the lock. The file stays: removing it would let a third process
        # lock a new one while a second still waits for this.
        with ExitStack() as held:
            try:
                held.enter_context(lease(path.with_name(f"{path.name}.lease"), waiting))
            except OSError as error:
                raise _unwritable(path, error) from error
            yield


def _unwritable(path: Path, error: OSError) -> HarnessError:
    return HarnessError(
        f"{path.parent}: cannot be written ({error.strerror}); "
        "set CXR_HARNESS_CACHE to a folder with room"
    )


@contextmanager
def unless_held(path: Path) -> Iterator[Outcome]:
    """Hold the lock file at ``path`` unless another process does, and say how that ended.

    A missing file counts as held by no other process, and is not made.
    """
    try:
        file = _open(path)
    except FileNotFoundError:
        yield "held"
        return
    with file:
        yield take(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _open(path: Path) -> BinaryIO:
    # NFS locks exclusively only what is open for writing.
    try:
        return path.open("r+b")
    except PermissionError:
        return path.open("rb")


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Held by one process of this machine at a time; released by the kernel if the holder dies.

    Where the file system has no locks nothing is held, as the run has reported.
    """
    path = Path(tempfile.gettempdir()) / f"cxr-harness-{name}.lock"
    with _shared_file(path) as handle:
        take(handle.fileno(), fcntl.LOCK_EX)
        yield


def _shared_file(path: Path) -> BinaryIO:
    """The file, made where it is missing; one of another user's can only be read, which a lock
    asks no more than."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return path.open("rb")
