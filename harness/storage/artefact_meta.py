"""What an artefact is to contain, what its ``meta.json`` says of it, and whether both are true."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from harness.errors import HarnessError
from harness.runtime.stopwatch import Taken
from harness.storage.checksum import content_digest

META = "meta.json"
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile)
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


def is_whole(plan: Plan) -> bool:
    """Whether the artefact is there with files of the right sizes; their content is not read."""
    try:
        stored = json.loads((plan.directory / META).read_bytes())["files"]
        return set(stored) == set(plan.files) and all(
            (plan.directory / name).stat().st_size == stored[name]["bytes"] for name in plan.files
        )
    except (OSError, *UNREADABLE):
        return False


def check(plan: Plan, *, contents: bool) -> Mapping[str, Any]:
    """The artefact's ``meta.json``, after its files have been compared with it and with the plan,
    their ``contents`` too where that is asked for.

    Raises:
        DamagedError: anything is missing or differs.
    """
    try:
        meta = json.loads((plan.directory / META).read_bytes())
        if meta.pop("checksum") != _checksum(meta):
            raise DamagedError(f"{META} has changed since it was written")
        if meta["key"] != plan.key or set(meta["files"]) != set(plan.files):
            raise DamagedError(f"{META} belongs to another one")
        for name, stored in meta["files"].items():
            _check_file(plan.directory / name, stored, plan.files[name])
            if contents and content_digest(plan.directory / name) != stored["digest"]:
                raise DamagedError(f"{name} has changed since it was written")
    except OSError as error:
        name = Path(error.filename or plan.directory).name
        raise DamagedError(f"{name}: {error.strerror}") from error
    except UNREADABLE as error:
        raise DamagedError(f"{META} or an array's header is unreadable") from error
    return meta  # type: ignore[no-any-return]


def taken_of(meta: Mapping[str, Any]) -> Taken:
    """What making the artefact took, by its ``meta.json``."""
    return {
        "wall_seconds": float(meta["build_seconds"]),
        "cpu_seconds": meta.get("build_cpu_seconds"),
        "other_load": meta.get("build_other_load"),
    }


def _check_file(path: Path, stored: Mapping[str, Any], layout: Layout) -> None:
    size = path.stat().st_size
    if size != stored["bytes"]:
        raise DamagedError(f"{path.name} has {size} bytes instead of {stored['bytes']}")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != layout.shape or array.dtype != np.dtype(layout.dtype):
        raise DamagedError(
            f"{path.name} has shape {list(array.shape)} instead of {list(layout.shape)}"
        )


def write_meta(plan: Plan, taken: Taken) -> None:
    """Write ``meta.json``: what making the files took, and their digests."""
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
        "build_seconds": round(taken["wall_seconds"], 6),
        "build_cpu_seconds": taken["cpu_seconds"],
        "build_other_load": taken["other_load"],
        "files": files,
    }
    text = json.dumps({**meta, "checksum": _checksum(meta)}, indent=2) + "\n"
    (plan.building / META).write_text(text, encoding="utf-8")


def _checksum(meta: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(meta, sort_keys=True).encode()):08x}"
