"""Digests of files by content, remembered so that an unchanged file is read once."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.errors import HarnessError
from harness.storage.cache import cache_directory, kept_in_cache
from harness.storage.json_files import write_bytes

Known = tuple[int, int, int, str]
"""Size in bytes, modification and change time in nanoseconds, digest of the content."""

_FORMAT = 2
_FILES_PER_TASK = 64
_UNREADABLE = "unreadable: "
"""Prefix of what is recorded instead of a digest."""
_SETTLED_NS = 2_000_000_000
"""A file changed within the coarsest clock of a file system (2 s) may change again unseen."""


def fingerprint_files(paths: Sequence[Path], root: Path) -> str:
    """Digest of the files' names relative to ``root`` and of their content, 32 hexadecimal digits.

    Neither the order of ``paths`` nor where ``root`` lies matters. Content digests are kept in the
    cache folder under path, size and times, so a second call reads only what has changed since.
    A file that exists but cannot be read, such as a broken link, counts as such, so that
    verification can name it and a run can leave it out; nothing about it is kept.

    Raises:
        HarnessError: a file is missing or lies outside ``root``; names it.
    """
    named = {_relative_name(path, root): path for path in paths}
    memory = cache_directory() / "digests" / f"{_text_digest(str(root.absolute()))}.json"
    known = _recall(memory)
    started = time.time_ns()
    current = _digests(named, known)
    settled = {
        name: entry
        for name, entry in current.items()
        if entry[1] + _SETTLED_NS < started and not entry[3].startswith(_UNREADABLE)
    }
    if any(known.get(name) != entry for name, entry in settled.items()):
        _remember(memory, {**known, **settled})
    listing = "".join(f"{name}\0{current[name][3]}\n" for name in sorted(current))
    return _text_digest(listing)


def _relative_name(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError as error:
        raise HarnessError(f"{path} lies outside the dataset's folder {root}") from error


def _text_digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _digests(named: Mapping[str, Path], known: Mapping[str, Known]) -> dict[str, Known]:
    def digest(items: Iterable[tuple[str, Path]]) -> list[tuple[str, Known]]:
        return [(name, _digest(path, known.get(name))) for name, path in items]

    items = list(named.items())
    tasks = [items[i : i + _FILES_PER_TASK] for i in range(0, len(items), _FILES_PER_TASK)]
    with ThreadPoolExecutor(min(8, max(1, os.cpu_count() or 1))) as pool:
        return {name: entry for done in pool.map(digest, tasks) for name, entry in done}


def _digest(path: Path, known: Known | None) -> Known:
    try:
        now = path.stat()
        seen = (now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        if known and known[:3] == seen:
            return known
        if not stat.S_ISREG(now.st_mode):  # Opening a pipe would wait for somebody to write.
            return (*seen, f"{_UNREADABLE}no regular file")
        with path.open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    except OSError as error:
        if not os.path.lexists(path):
            raise HarnessError(
                f"{path}: cannot be read ({error.strerror}); restore the file or its permissions"
            ) from error
        return (0, 0, 0, f"{_UNREADABLE}{error.errno}")
    return (*seen, content.hexdigest())


def _recall(memory: Path) -> dict[str, Known]:
    """What was kept; nothing where the file is missing or damaged, as it can be recomputed."""
    try:
        stored = json.loads(memory.read_bytes())
        if stored["format"] != _FORMAT or stored["checksum"] != _checksum(stored["files"]):
            return {}
        os.utime(memory)  # The time of the last use, by which old ones are cleaned away.
        return {
            str(name): (int(size), int(modified), int(changed), bytes.fromhex(digest).hex())
            for name, (size, modified, changed, digest) in stored["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _checksum(entries: Mapping[str, Known]) -> str:
    return _text_digest(json.dumps(entries, sort_keys=True))


def _remember(memory: Path, entries: Mapping[str, Known]) -> None:
    stored = {"format": _FORMAT, "checksum": _checksum(entries), "files": entries}
    content = json.dumps(stored, separators=(",", ":")).encode()
    with kept_in_cache(memory):
        write_bytes(memory, content)
