"""Files that appear in a folder together or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError


@contextmanager
def staged(folder: Path, names: Collection[str], option: str = "--out") -> Iterator[Path]:
    """A temporary folder whose content moves to ``folder`` when the block ends without an error.

    Args:
        folder: is made where it is missing.
        names: files and folders that will be written; none of them may be in ``folder``.
        option: names the folder in errors.

    Raises:
        HarnessError: ``folder`` is a file, holds one of the names, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise HarnessError(f"{option} {folder}: is a file; name a folder")
    if there := sorted(name for name in names if (folder / name).exists()):
        raise HarnessError(
            f"{option} {folder}: holds {', '.join(there)} already; name another folder"
        )
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    waiting = folder / f".{os.getpid()}.tmp"
    try:
        waiting.mkdir(parents=True)
    except OSError as error:
        _remove_empty(missing)
        raise HarnessError(
            f"{option} {folder}: cannot be written ({error.strerror}); name another folder"
        ) from error
    try:
        yield waiting
        for path in sorted(waiting.iterdir()):
            path.replace(folder / path.name)
    except OSError as error:
        raise HarnessError(f"{option} {folder}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
        _remove_empty(missing)


def _remove_empty(folders: Collection[Path]) -> None:
    """Remove folders that were made for nothing, the innermost first."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
