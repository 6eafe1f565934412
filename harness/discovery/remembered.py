"""What plugins have said of themselves, kept on disk for as long as no file of theirs changes."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from harness.discovery.find import PluginRecord
from harness.errors import HarnessError
from harness.provenance import harness_version
from harness.storage.cache import cache_directory
from harness.storage.json_files import write_json

FOLDER = "plugins"
"""Folder of the cache."""
_MOST_FILES = 5000
"""A package of more files is described every time: looking at them all takes as long."""


class Remembered:
    """The answers of :func:`harness.discovery.apart.describe_here`.

    An answer holds for one distribution, version and ``direct_url.json``, one interpreter and one
    harness, and for as long as size and time of change are the same: of every file of the plugin's
    package, of every file that it has imported, and of the folders on ``sys.path``, which
    installing anything changes.
    """

    def __init__(self) -> None:
        self._stamps: dict[str, tuple[int, int] | None] = {}
        try:
            self._folder: Path | None = cache_directory() / FOLDER
        except HarnessError:
            self._folder = None  # Where there is nowhere to keep anything, nothing is kept.

    def recall(self, entry_point: EntryPoint, record: PluginRecord) -> dict[str, Any] | None:
        """The answer of an earlier command; None where there is none that still holds."""
        if self._folder is None:
            return None
        try:
            kept = json.loads((self._folder / _name(entry_point, record)).read_bytes())
            answer: dict[str, Any] = kept["answer"]
            if kept["digest"] != _digest(answer):
                return None
            if kept["stamps"] == self._now(_listed(answer["files"], entry_point)):
                return answer
        except (OSError, ValueError, TypeError, KeyError):
            pass  # Not kept, or damaged: it is described again.
        return None

    def keep(
        self, entry_point: EntryPoint, record: PluginRecord, answer: Mapping[str, Any], asked: int
    ) -> None:
        """Keep it, if that can be done; without, the next command describes the plugin again.

        Args:
            asked: when the plugin was asked, in nanoseconds. An answer of which a file is newer
                may be one of the file before.
        """
        files = _listed(answer["files"], entry_point)
        if self._folder is None or files is None:
            return
        if any((self._stamp(file) or (0,))[0] >= asked for file in files):
            return
        # Before the folders are looked at: it may lie on the path itself.
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            kept = {"stamps": self._now(files), "digest": _digest(answer), "answer": answer}
            write_json(self._folder / _name(entry_point, record), kept)

    def _now(self, files: Iterable[str] | None) -> list[Any] | None:
        """Path, nanoseconds and bytes of every file, and nanoseconds of every folder."""
        if files is None:
            return None
        path = [folder for folder in sys.path if isinstance(folder, str)]
        folders = [[folder, (self._stamp(folder) or (None,))[0]] for folder in path]
        return [*folders, *([file, *(self._stamp(file) or ())] for file in files)]

    def _stamp(self, path: str) -> tuple[int, int] | None:
        if path not in self._stamps:
            try:
                found = Path(path).stat()
                self._stamps[path] = (found.st_mtime_ns, found.st_size)
            except OSError:
                self._stamps[path] = None
        return self._stamps[path]


def _name(entry_point: EntryPoint, record: PluginRecord) -> str:
    where = entry_point.dist and entry_point.dist.read_text("direct_url.json")
    facts = (
        record.name,
        entry_point.value,
        record.dist,
        record.version,
        where,
        sys.executable,
        sys.version,
        _harness(),
    )
    return f"{_digest(facts)}.json"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


@cache
def _harness() -> list[Any]:
    """What describes: the version says little of a checkout."""
    root = Path(__file__).parents[1]
    files = [*root.glob("*.py"), *(root / "discovery").glob("*.py")]
    return [harness_version(), sorted((f.name, f.stat().st_mtime_ns) for f in files)]


def _listed(imported: Iterable[str], entry_point: EntryPoint) -> list[str] | None:
    """The files that decide the answer; None where there are too many."""
    found = set(imported)
    for file in _package_files(entry_point.module.partition(".")[0]):
        found.add(file)
        if len(found) > _MOST_FILES:
            return None
    return sorted(found)


def _package_files(package: str) -> Iterator[str]:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        yield from [spec.origin] if spec.origin else []
    for location in spec.submodule_search_locations or ():
        for folder, inner, files in os.walk(location):
            inner[:] = [name for name in inner if name != "__pycache__"]
            yield from (f"{folder}/{file}" for file in files)
