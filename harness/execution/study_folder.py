"""The folder of a study: who works in it, and what it holds besides the cells."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.data.recorded import write_samples
from harness.data.splits.make import write_split
from harness.errors import HarnessError
from harness.execution.study_record import with_earlier
from harness.storage.json_files import write_bytes, write_json
from harness.storage.lease import STALE_SECONDS, Holder, Lease, Watch, read, try_lease
from harness.storage.lock import take
from harness.study import Study

NAME = "study.toml"
"""What a folder that is given instead of a file must hold, and what every run leaves behind."""

LOCK = ".lock"
"""Held (``flock``) by the run that works in the folder; holds the number of its process."""


LEASE = ".lease"
"""Held by the same run, of all machines; says who it is."""
_LOOK_SECONDS = 0.5
_REMEDY = "wait for it, or choose another --out or --name"


@contextmanager
def locked(directory: Path, say: Callable[[str], None]) -> Iterator[Lease]:
    """The study's folder, made and held by this run alone, of all machines.

    Args:
        say: is told of a wait, and of a run that is gone.

    Raises:
        HarnessError: another run holds it; says who.
    """
    if directory.exists() and not directory.is_dir():
        raise HarnessError(f"{directory} is a file; choose another --out or --name", about="out")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(
            f"{directory} cannot be made ({error.strerror}); choose another --out", about="out"
        ) from error
    # Names with a dot: the lock, and what a killed run had half written.
    strangers = [p.name for p in directory.iterdir() if not p.name.startswith(".")]
    if strangers and not (directory / "study.json").exists():
        raise HarnessError(
            f"{directory} is not empty and not a study folder "
            f"({', '.join(sorted(strangers)[:3])}); choose another --out or --name",
            about="out",
        )
    with (directory / LOCK).open("a+") as handle:
        outcome = take(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        if outcome == "busy":
            holder = read(directory / LEASE) or "another run, which is about to begin or to end"
            raise HarnessError(f"{directory} is in use by {holder}; {_REMEDY}", about="out")
        taken = _leased(directory, say)
        try:
            # Its time is that of the run's beginning.
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield taken
        finally:
            taken.release()


def _leased(directory: Path, say: Callable[[str], None]) -> Lease:
    """One of another machine is looked at until it is renewed, or until it is clear that it is
    not."""
    path, first = directory / LEASE, True
    watch = Watch(path)
    before = _renewed(path)
    while isinstance(taken := try_lease(path), Holder):
        if _renewed(path) not in (before, None):
            raise HarnessError(f"{directory} is in use by {taken}; {_REMEDY}", about="out")
        if first:
            say(f"note: {directory} was in use by {taken}; looking whether it still is")
            first = False
        if watch.look(taken):
            say(f"note: it has not been heard of for {STALE_SECONDS:.0f} s; its run is over")
        time.sleep(_LOOK_SECONDS)
    return taken


def _renewed(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def write_study(
    study: Study,
    command: tuple[str, ...],
    file: Callable[[str | None, Path], str],
    plugins: list[dict[str, Any]],
) -> None:
    """Everything of the study but its cells: the sample table, the splits, ``study.json`` and
    ``study.toml``, both with what earlier runs have recorded in them.

    Args:
        file: makes the study file to leave of the one that is there, or of None, and its path.
        plugins: facts about every plugin.

    Raises:
        HarnessError: what earlier runs have left cannot be read.
    """
    path = study.directory / NAME
    before = path.read_text(encoding="utf-8-sig") if path.exists() else None
    after = file(before, path)
    facts = {
        "command": list(command),
        "cells": [str(c.directory.relative_to(study.directory)) for c in study.cells],
        "notes": list(study.notes),
        "plugins": plugins,
        "dropped": {
            plugin: [str(c.directory.relative_to(study.directory)) for c in cells]
            for plugin, cells in study.dropped.items()
        },
        "left_out": {
            "images": list(study.samples.left_out),
            "masks": list(study.samples.masks_left_out),
        },
    }
    # First what says that the folder is a study's: a run that ends before the rest may be repeated.
    write_json(study.directory / "study.json", with_earlier(facts, study))
    fingerprint = study.dataset.fingerprint
    write_samples(study.directory / "data" / f"{fingerprint}.npz", study.samples)
    splits = study.directory / "splits"
    splits.mkdir(exist_ok=True)
    for split in study.splits:
        write_split(split, study.samples, splits / f"{split.digest}.csv")
    if after != before:
        write_bytes(path, after.encode())
