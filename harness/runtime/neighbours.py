"""Whether other cells run on this machine while one does, whoever has started them.

Each cell holds a file in a folder that all processes of the machine share, locked for as long as
its process lives. One that begins writes into the files of those that run, so that none needs to
look again later.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "cxr-harness-cells"
_EVERYBODY = 0o1777


@contextmanager
def among_neighbours(otherwise: bool) -> Iterator[Callable[[], bool]]:
    """For as long as a cell runs.

    Yields what tells whether another has run beside it so far.

    Args:
        otherwise: what that is where the folder for temporary files has no locks, or cannot be
            written.
    """
    folder = Path(tempfile.gettempdir()) / FOLDER
    try:
        own = _enter(folder)
    except OSError:
        yield lambda: otherwise
        return
    try:
        yield lambda: os.fstat(own).st_size > 0
    finally:
        with contextlib.suppress(OSError):
            (folder / _name()).unlink()
        os.close(own)


def _enter(folder: Path) -> int:
    """A descriptor of this process's file, which holds something where there are neighbours."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(_EVERYBODY)
    own = os.open(folder / _name(), os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o666)
    try:
        os.fchmod(own, 0o666)
        fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # First it is seen, then it looks: of two that begin at once, each sees the other.
        for path in folder.iterdir():
            if path.name != _name() and _tell(path):
                os.write(own, b".")
    except OSError:
        os.close(own)
        raise
    return own


def _tell(path: Path) -> bool:
    """Tell the cell of this file that another has begun; False where its process has ended, whose
    file is removed."""
    try:
        other = os.open(path, os.O_APPEND | os.O_RDWR)
    except OSError:
        return False  # It has ended just now.
    try:
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.write(other, b".")
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(other)


def _name() -> str:
    return str(os.getpid())
