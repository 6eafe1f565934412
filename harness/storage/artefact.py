"""Folders of arrays that cells share: named by what decides their content, whole or absent.

An artefact is made under another name and renamed, so that a half-written one is never read. It is
checked whenever it is opened, and made again where it is damaged. Of processes that need the same
one, one makes it and the others wait.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.runtime.stopwatch import Stopwatch, Taken
from harness.storage.artefact_meta import (
    META,
    UNREADABLE,
    DamagedError,
    Layout,
    Plan,
    check,
    taken_of,
    write_meta,
)
from harness.storage.checksum import READ_WHOLE
from harness.storage.disk import free_bytes
from harness.storage.lock import exclusive, take


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """An artefact that has been opened."""

    arrays: Mapping[str, NDArray[Any]]
    """Read-only memory maps, by file."""
    taken: Taken
    """What making it took, in whichever process."""
    damage: str | None = None
    """What was wrong with the one that this one has replaced."""


def obtain(plan: Plan, make: Callable[[Path], None], waiting: Callable[[], None]) -> Artefact:
    """The artefact, made where it is missing or damaged.

    Args:
        make: fills the folder that it is given with the plan's files.
        waiting: called now and then while another process makes it.

    Raises:
        HarnessError: the cache cannot hold it, or ``make`` raises. Nothing is left of the attempt.
    """
    if plan.directory.is_dir():
        try:
            return _open(plan)
        except DamagedError:
            pass  # Another process may be replacing it: the lock decides.
    damage: str | None = None
    with exclusive(plan.directory.with_name(f"{plan.key}.lock"), waiting):
        if os.path.lexists(plan.directory):
            try:
                return _open(plan)
            except DamagedError as error:
                damage = str(error)
        _remove(plan.building)  # What a killed process left.
        _check_room(plan)
        plan.building.mkdir()
        try:
            with _disk_full_explained(plan):
                watch = Stopwatch()
                make(plan.building)
                taken = watch.read()
                _flush_large(plan)
                write_meta(plan, taken)
        except BaseException:
            shutil.rmtree(plan.building)
            raise
        return _publish(plan, damage)


def _publish(plan: Plan, damage: str | None) -> Artefact:
    _remove(plan.directory)
    plan.building.rename(plan.directory)
    return _open(plan, damage, just_made=True)


def _remove(path: Path) -> None:
    """Whatever has the name, if anything."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _check_room(plan: Plan) -> None:
    """HarnessError where the disk cannot hold the artefact anyway."""
    free = free_bytes(plan.building.parent)
    if plan.nbytes > free:
        raise HarnessError(
            f"{plan.building.parent}: {plan.title} need {plan.nbytes / 1e6:,.0f} MB, and the disk "
            f"has {free / 1e6:,.0f} MB left. Make room or set CXR_HARNESS_CACHE to another folder"
        )


def existing(directory: Path) -> Artefact | None:
    """The artefact in a folder, by its own account of what it contains; None where there is none or
    it is damaged."""
    try:
        meta = json.loads((directory / META).read_bytes())
        arrays = {name: np.load(directory / name, mmap_mode="r") for name in meta["files"]}
        files = {name: Layout(array.shape, array.dtype.str) for name, array in arrays.items()}
        return _open(Plan(directory=directory, files=files, title=meta["title"]))
    except (OSError, *UNREADABLE, DamagedError):
        return None


def write_header(file: Any, layout: Layout) -> None:
    """Begin a file of the format ``.npy``; the rows follow by plain writes. On a full disk, a
    writable memory map would end the process instead of an error."""
    header = {"descr": layout.dtype, "fortran_order": False, "shape": layout.shape}
    np.lib.format.write_array_header_1_0(file, header)


def _open(plan: Plan, damage: str | None = None, *, just_made: bool = False) -> Artefact:
    _hold(plan.directory)
    meta = check(plan, contents=not just_made)
    arrays = {
        name: np.load(plan.directory / name, mmap_mode="r", allow_pickle=False)
        for name in plan.files
    }
    # The time of the last use, by which old ones are cleaned away.
    os.utime(plan.directory / META)
    return Artefact(arrays=arrays, taken=taken_of(meta), damage=damage)


_HELD: dict[Path, int] = {}
"""Artefacts that this process has opened, and the descriptors whose locks say so to others."""


def _hold(directory: Path) -> None:
    """Keep the artefact from being cleaned away until this process ends, by processes of this
    machine."""
    try:
        descriptor = os.open(directory / META, os.O_RDONLY)
    except OSError:
        return  # It is missing, which is reported elsewhere.
    if take(descriptor, fcntl.LOCK_SH) == "impossible":
        os.close(descriptor)
        return
    earlier, _HELD[directory] = _HELD.get(directory), descriptor
    if earlier is not None:
        os.close(earlier)


def _flush_large(plan: Plan) -> None:
    """Have the files on the disk whose digests leave blocks out, so that blocks which a crash of
    the system loses are not believed; the digests of the others tell."""
    for name in plan.files:
        with (plan.building / name).open("rb") as file:
            if os.fstat(file.fileno()).st_size > READ_WHOLE:
                os.fsync(file.fileno())


@contextmanager
def _disk_full_explained(plan: Plan) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise HarnessError(
            f"{plan.directory.parent}: the disk is full; {plan.title} need "
            f"{plan.nbytes / 1e6:.0f} MB. Make room or set CXR_HARNESS_CACHE to another folder"
        ) from error
