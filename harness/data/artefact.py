"""Folders of arrays that cells share: named by what decides their content, whole or absent.

An artefact is made under another name and renamed, so that a half-written one is never read. It is
checked whenever it is opened, and made again where it is damaged. Of processes that need the same
one, one makes it and the others wait.
"""

from __future__ import annotations

import contextlib
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
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from harness.data.checksum import READ_WHOLE, content_digest
from harness.data.lock import exclusive
from harness.errors import HarnessError

META = "meta.json"
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile)
"""What reading a damaged ``meta.json`` or array raises, besides OSError."""


class DamagedError(HarnessError):
    """An artefact is not what was written; the message says how."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape and type of one array."""

    shape: tuple[int, ...]
    dtype: str = "|u1"
    """As NumPy's array interface writes it."""

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an artefact is to contain, known before it is made."""

    directory: Path
    """Its name is the key: a digest of all that decides the content."""
    files: Mapping[str, Layout]
    title: str
    """What messages call it, e.g. ``prepared images``."""

    @property
    def key(self) -> str:
        return self.directory.name

    @property
    def building(self) -> Path:
        """Where it is made."""
        return self.directory.with_name(f"{self.key}.building")

    @property
    def nbytes(self) -> int:
        return sum(layout.nbytes for layout in self.files.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """An artefact that has been opened."""

    arrays: Mapping[str, NDArray[Any]]
    """Read-only memory maps, by file."""
    seconds: float
    """Wall time that making it took, whoever made it."""
    damage: str | None = None
    """What was wrong with the one that this one has replaced."""


def obtain(plan: Plan, make: Callable[[Path], float], waiting: Callable[[], None]) -> Artefact:
    """The artefact, made where it is missing or damaged.

    Args:
        make: fills the folder that it is given with the plan's files; returns the seconds that this
            took.
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
        if plan.directory.exists():
            try:
                return _open(plan)
            except DamagedError as error:
                damage = str(error)
        if plan.building.exists():  # What a killed process left.
            shutil.rmtree(plan.building)
        plan.building.mkdir()
        try:
            with _disk_full_explained(plan):
                seconds = make(plan.building)
                _flush_large(plan)
                _write_meta(plan, seconds)
        except BaseException:
            shutil.rmtree(plan.building)
            raise
        if plan.directory.exists():
            shutil.rmtree(plan.directory)
        plan.building.rename(plan.directory)
        return _open(plan, damage, just_made=True)


def existing(directory: Path) -> Artefact | None:
    """The artefact in a folder, by its own account of what it contains; None where there is none or
    it is damaged."""
    try:
        meta = json.loads((directory / META).read_bytes())
        arrays = {name: np.load(directory / name, mmap_mode="r") for name in meta["files"]}
        files = {name: Layout(array.shape, array.dtype.str) for name, array in arrays.items()}
        return _open(Plan(directory=directory, files=files, title=meta["title"]))
    except (OSError, *_UNREADABLE, DamagedError):
        return None


def write_header(file: Any, layout: Layout) -> None:
    """Begin a file of the format ``.npy``; the rows follow by plain writes. On a full disk, a
    writable memory map would end the process in place of an error."""
    header = {"descr": layout.dtype, "fortran_order": False, "shape": layout.shape}
    np.lib.format.write_array_header_1_0(file, header)


def is_whole(plan: Plan) -> bool:
    """Whether the artefact is there with files of the right sizes; their content is not read."""
    try:
        stored = json.loads((plan.directory / META).read_bytes())["files"]
        return set(stored) == set(plan.files) and all(
            (plan.directory / name).stat().st_size == stored[name]["bytes"] for name in plan.files
        )
    except (OSError, *_UNREADABLE):
        return False


def _open(plan: Plan, damage: str | None = None, *, just_made: bool = False) -> Artefact:
    _hold(plan.directory)
    meta = _check(plan, contents=not just_made)
    arrays = {
        name: np.load(plan.directory / name, mmap_mode="r", allow_pickle=False)
        for name in plan.files
    }
    # The time of the last use, by which old ones are cleaned away.
    os.utime(plan.directory / META)
    return Artefact(arrays=arrays, seconds=float(meta["build_seconds"]), damage=damage)


_HELD: dict[Path, int] = {}
"""Artefacts that this process has opened, and the descriptors whose locks say so to others."""


def _hold(directory: Path) -> None:
    """Keep the artefact from being cleaned away until this process ends."""
    with contextlib.suppress(OSError):  # Missing, which is told elsewhere, or not to be locked.
        descriptor = os.open(directory / META, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:
            os.close(descriptor)
            raise
        earlier, _HELD[directory] = _HELD.get(directory), descriptor
        if earlier is not None:
            os.close(earlier)


def _check(plan: Plan, *, contents: bool) -> Mapping[str, Any]:
    """The artefact's ``meta.json``, after its files have been compared with it and with the plan,
    their ``contents`` too where that is asked for.

    Raises:
        DamagedError: anything is missing or differs.
    """
    try:
        meta = json.loads((plan.directory / META).read_bytes())
        if meta["key"] != plan.key or set(meta["files"]) != set(plan.files):
            raise DamagedError(f"{META} belongs to another one")
        float(meta["build_seconds"])
        for name, stored in meta["files"].items():
            _check_file(plan.directory / name, stored, plan.files[name])
            if contents and content_digest(plan.directory / name) != stored["digest"]:
                raise DamagedError(f"{name} has changed since it was written")
    except OSError as error:
        name = Path(error.filename or plan.directory).name
        raise DamagedError(f"{name}: {error.strerror}") from error
    except _UNREADABLE as error:
        raise DamagedError(f"{META} or an array's header is unreadable") from error
    return meta  # type: ignore[no-any-return]


def _check_file(path: Path, stored: Mapping[str, Any], layout: Layout) -> None:
    size = path.stat().st_size
    if size != stored["bytes"]:
        raise DamagedError(f"{path.name} has {size} bytes instead of {stored['bytes']}")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != layout.shape or array.dtype != np.dtype(layout.dtype):
        raise DamagedError(
            f"{path.name} has shape {list(array.shape)} instead of {list(layout.shape)}"
        )


def _flush_large(plan: Plan) -> None:
    """Have the files on the disk whose digests leave blocks out, so that blocks which a crash of
    the system loses are not believed; the digests of the others tell."""
    for name in plan.files:
        with (plan.building / name).open("rb") as file:
            if os.fstat(file.fileno()).st_size > READ_WHOLE:
                os.fsync(file.fileno())


def _write_meta(plan: Plan, seconds: float) -> None:
    files = {
        name: {
            "bytes": (plan.building / name).stat().st_size,
            "digest": content_digest(plan.building / name),
        }
        for name in plan.files
    }
    meta = {
        "key": plan.key,
        "title": plan.title,
        "build_seconds": round(seconds, 3),
        "files": files,
    }
    (plan.building / META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


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
