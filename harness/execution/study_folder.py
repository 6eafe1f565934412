"""The folder of a study: who works in it, and what it holds besides the cells."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.data.recorded import write_samples
from harness.data.splits.make import write_split
from harness.errors import HarnessError
from harness.execution.study_record import with_earlier
from harness.storage.json_files import write_bytes, write_json
from harness.storage.lock import take, without_locks
from harness.study import Study

NAME = "study.toml"
"""What a folder that is given instead of a file must hold, and what every run leaves behind."""

LOCK = ".lock"
"""Held (``flock``) by the run that works in the folder; holds the number of its process."""


UNGUARDED = "a second run in it would not be noticed, and either would damage the other: start none"


@contextmanager
def locked(directory: Path, say: Callable[[str], None]) -> Iterator[None]:
    """The study's folder, made and held by this run alone.

    Args:
        say: is told where the folder cannot be locked, and what follows from that.
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
            handle.seek(0)
            raise HarnessError(
                f"another run (pid {handle.read().strip()}) is using {directory}; wait for it, "
                "or choose another --out or --name",
                about="out",
            )
        if outcome == "impossible":
            say(f"note: {without_locks(directory, UNGUARDED)}")
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def write_study(
    study: Study,
    command: tuple[str, ...],
    file: Callable[[str | None, Path], str],
    plugins: list[dict[str, Any]],
) -> None:
    """Everything of the study but its cells: the sample table, the split, ``study.json`` and
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
    write_split(study.split, study.samples, splits / f"{study.split.digest}.csv")
    if after != before:
        write_bytes(path, after.encode())
