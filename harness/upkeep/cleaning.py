"""What may be deleted, and deleting it: shared artefacts, and files of results folders.

Nothing that a running process holds is removed: studies and cells that it runs and artefacts that
it makes, on whichever machine, and artefacts that a process of this machine has opened
(:mod:`harness.storage.artefact`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.errors import HarnessError
from harness.execution.study_folder import LEASE, LOCK
from harness.results.rundir import LEASE as CELL_LEASE
from harness.results.rundir import CellDirectory, find_cells
from harness.storage.artefact_meta import META
from harness.storage.disk import size_of
from harness.storage.lease import is_held
from harness.storage.lock import unless_held
from harness.upkeep.queued_jobs import submitted

Kind = Literal["prepared", "activations", "digests", "leftover", "unfinished", "checkpoint"]

_ARTEFACTS: tuple[Kind, ...] = ("prepared", "activations")
_REMEMBERED = ("digests", "verified", "weights")
"""Folders of the cache with small files that remember what big ones contain."""
_HALF = (".building", ".removing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that could be removed."""

    kind: Kind
    path: Path
    nbytes: int
    used: float
    """When it was last used, in seconds since the epoch."""


def cached(cache: Path) -> list[Item]:
    """Everything in the cache folder that can be made again, least recently used first.

    Weights that a user put there are not included.
    """
    found: list[Item] = []
    for kind in _ARTEFACTS:
        for path in _folders(cache / kind):
            half = path.name.endswith(_HALF)
            meta = path / META
            stamp = meta if meta.exists() and not half else path
            found.append(_item("leftover" if half else kind, path, stamp))
    for name in _REMEMBERED:
        found += [_item("digests", path, path) for path in (cache / name).glob("*.json")]
    return sorted(found, key=lambda item: (item.used, item.path))


def older_than(items: Iterable[Item], moment: float) -> list[Item]:
    """Those that were last used before the moment, in seconds since the epoch."""
    return [item for item in items if item.used < moment]


def beyond(items: Iterable[Item], budget: int) -> list[Item]:
    """Artefacts to remove, least recently used first, until the rest fits into ``budget`` bytes.

    Files that remember contents are small and stay.
    """
    items = sorted(items, key=lambda item: item.used)
    excess = sum(item.nbytes for item in items) - budget
    chosen: list[Item] = []
    for item in items:
        if excess > 0 and item.kind != "digests":
            chosen.append(item)
            excess -= item.nbytes
    return chosen


def unfinished(directory: Path) -> list[Item]:
    """Cells without a status, of a study or of all studies under a results folder.

    Raises:
        HarnessError: there is no cell at all.
    """
    cells = [cell for cell in find_cells(directory) if not (cell.path / "status.json").exists()]
    return [_item("unfinished", cell.path, cell.path / "cell.json") for cell in cells]


def checkpoints(directory: Path) -> list[Item]:
    """Checkpoints of cells that are ``ok``, of a study or of all studies under a results folder.

    Raises:
        HarnessError: there is no cell at all.
    """
    return [
        _item("checkpoint", folder, folder)
        for cell in find_cells(directory)
        if (folder := cell.path / "checkpoint").is_dir() and _is_ok(cell)
    ]


def queued(items: Iterable[Item], warn: Callable[[str], None]) -> set[Path]:
    """Unfinished cells that a queue has or may have: nothing on disk holds one that waits.

    Args:
        warn: is told of an executor that cannot be asked.
    """
    cells = [item.path for item in items if item.kind == "unfinished"]
    return {cell for cell, job in submitted(cells, warn).items() if job.state != "gone"}


def in_use(item: Item) -> bool:
    """Whether a running process holds it."""
    with _held(item) as free:
        return not free


def lockless(items: Iterable[Item]) -> list[Path]:
    """Folders of the items whose file systems have no locks: what is in use there is unknown."""
    locks = {path.parent: path for item in items for path in _locks(item) if path.exists()}
    found = []
    for folder, path in sorted(locks.items()):
        with unless_held(path) as outcome:
            if outcome == "impossible":
                found.append(folder)
    return found


def remove(item: Item) -> bool:
    """Remove it unless a running process holds it; whether it has been removed. Without file locks
    it is removed in any case.

    Raises:
        HarnessError: it cannot be removed; names it.
    """
    with _held(item) as free:
        if not free:
            return False
        try:
            _remove(item)
        except OSError as error:
            raise HarnessError(f"{item.path}: cannot be removed ({error.strerror})") from error
    return True


def _remove(item: Item) -> None:
    if item.kind == "digests":
        item.path.unlink(missing_ok=True)
        return
    # Renamed first, so that nobody finds half of it.
    gone = item.path.with_name(f"{item.path.name}.removing")
    if item.path.suffix != ".removing":
        item.path.rename(gone)
    else:
        gone = item.path
    shutil.rmtree(gone)
    if item.kind == "unfinished":
        for folder in list(item.path.parents)[:2]:
            with contextlib.suppress(OSError):  # Other cells are in it.
                folder.rmdir()


@contextmanager
def _held(item: Item) -> Iterator[bool]:
    """Lock the item; False where another process holds it."""
    with ExitStack() as stack:
        free = all(stack.enter_context(unless_held(path)) != "busy" for path in _locks(item))
        yield free and not any(map(is_held, _leases(item)))


def _locks(item: Item) -> tuple[Path, ...]:
    if item.kind == "digests":
        return ()
    if item.kind in ("unfinished", "checkpoint"):
        cell = item.path if item.kind == "unfinished" else item.path.parent
        return (cell.parents[3] / LOCK,)
    key = item.path.name.partition(".")[0]
    building = item.path.with_name(f"{key}.lock")
    return (building,) if item.kind == "leftover" else (building, item.path / META)


def _leases(item: Item) -> Iterator[Path]:
    """What other machines hold."""
    if item.kind == "unfinished":
        yield item.path / CELL_LEASE  # Of the process that runs it, whatever became of the command.
    for path in _locks(item):
        if path.name == LOCK:
            yield path.with_name(LEASE)
        elif path.name != META:
            yield path.with_name(f"{path.name}.lease")


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


def _item(kind: Kind, path: Path, stamp: Path) -> Item:
    used = 0.0
    with contextlib.suppress(FileNotFoundError):  # Somebody else has just removed it.
        used = stamp.stat().st_mtime
    return Item(kind=kind, path=path, nbytes=size_of(path), used=used)


def _is_ok(cell: CellDirectory) -> bool:
    try:
        status = cell.status
    except (HarnessError, json.JSONDecodeError):
        return False
    return status is not None and status["status"] == "ok"
