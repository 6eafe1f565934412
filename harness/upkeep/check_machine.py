"""This machine, the harness's folders on it, and what is wrong with either."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.machine import Driver, core_quota, cores, cpu_name, memory_bytes
from harness.provenance import package_directory
from harness.storage.cache import cache_directory
from harness.storage.disk import free_bytes, nearest_folder, size_of
from harness.storage.lock import can_lock
from harness.upkeep.check_installation import Finding, State
from harness.values.wording import size_text
from harness.weights.locate import hub_cache, torch_cache

LEAST_FREE = 2_000_000_000
"""Bytes below which a disk counts as full: one checkpoint of a large network."""


def devices(driver: Driver, torch_cuda: str | None) -> Iterator[Finding]:
    """Processor and GPUs.

    Args:
        driver: as :func:`harness.machine.cuda_driver` finds it.
        torch_cuda: the CUDA that torch was built for, ``""`` for none, None where unknown.
    """
    quota, total = core_quota(), memory_bytes()
    limit = "" if quota is None else f", of which this container may use {quota:g}"
    yield Finding(topic="devices", name="processor", value=f"{cpu_name()}, {cores()} cores{limit}")
    if total is not None:
        yield Finding(topic="devices", name="memory", value=size_text(total))
    for index, device in enumerate(driver.devices):
        size = size_text(device.memory_bytes)
        yield Finding(topic="devices", name=f"cuda:{index}", value=f"{device.name}, {size}")
    newest = "none" if driver.cuda is None else f"CUDA {driver.cuda[0]}.{driver.cuda[1]}"
    if driver.cuda is not None and not driver.devices:
        hidden = "CUDA_VISIBLE_DEVICES" in os.environ
        yield Finding(
            topic="devices",
            name="CUDA driver",
            value=newest,
            state="note" if hidden else "wrong",
            remedy="CUDA_VISIBLE_DEVICES hides every GPU; unset it to use them"
            if hidden
            else "the driver shows no GPU; see whether nvidia-smi lists one, and reload the driver",
        )
        return
    yield Finding(topic="devices", name="CUDA driver", value=newest)
    if driver.devices and torch_cuda is not None:
        yield from _torch_on_cuda(driver, torch_cuda)


def _torch_on_cuda(driver: Driver, torch_cuda: str) -> Iterator[Finding]:
    assert driver.cuda is not None
    built = int(torch_cuda.partition(".")[0] or 0)
    remedy = ""
    if not built:
        remedy = "this torch runs on a CPU only; install one for CUDA, as pytorch.org says"
    elif built > driver.cuda[0]:
        remedy = (
            "the driver is too old for it; update the driver, or install a torch for CUDA "
            f"{driver.cuda[0]}"
        )
    yield Finding(
        topic="devices",
        name="torch built for",
        value=f"CUDA {torch_cuda}" if built else "CPU",
        state="wrong" if remedy else "ok",
        remedy=remedy,
    )


def torch_cuda() -> str | None:
    """The CUDA that the installed torch was built for, read from its source; ``""`` for none, None
    where it is unknown."""
    try:
        text = (package_directory("torch") / "version.py").read_text()
    except Exception:
        return None
    found = re.search(r"^cuda\b.*?=\s*(?:'([\d.]+)'|None)", text, re.MULTILINE)
    return None if found is None else found[1] or ""


def places(out: Path) -> Iterator[Finding]:
    """Caches and results: paths, sizes, whether they can be written, and free space."""
    named: dict[str, tuple[Callable[[], Path], str]] = {
        "cache": (cache_directory, "set CXR_HARNESS_CACHE to a folder that can be written"),
        "hub weights": (hub_cache, "set HF_HOME to a folder that can be written"),
        "torch weights": (torch_cache, "set TORCH_HOME to a folder that can be written"),
        "results": (lambda: out, "choose another folder with --out"),
        "locks": (
            lambda: Path(tempfile.gettempdir()),
            "set TMPDIR to a folder that can be written",
        ),
    }
    for name, (find, remedy) in named.items():
        try:
            yield _place(name, find(), remedy)
        except (HarnessError, OSError) as error:
            yield Finding(
                topic="places", name=name, value="unknown", state="wrong", remedy=str(error)
            )


def _place(name: str, folder: Path, remedy: str) -> Finding:
    there = folder.exists()
    measured = there and name not in ("results", "locks")
    size = size_text(size_of(folder)) if measured else "" if there else "not made yet"
    nearest = nearest_folder(folder)
    free = free_bytes(nearest)
    value = f"{folder} ({size + ', ' if size else ''}{size_text(free)} free)"
    state: State = "wrong"
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        said = f"cannot be written; {remedy}"
    elif free < LEAST_FREE:
        said = f"the disk is nearly full; make room (harness clean), or {remedy}"
    elif name in ("cache", "locks") and not can_lock(nearest):
        state, said = (
            "note",
            "its file system has no file locks: see docs/command-line.md",
        )
    else:
        return Finding(topic="places", name=name, value=value)
    return Finding(topic="places", name=name, value=value, state=state, remedy=said)
