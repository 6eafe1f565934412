"""What is in a file: its SHA-256, and whether that is what a weights card says.

Digests are kept in the cache folder under path, size and modification time, so an unchanged file is
read once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from harness.errors import HarnessError
from harness.specs import WeightsFile
from harness.storage.cache import cache_directory
from harness.storage.json_files import read_json, write_json

Transfer = Callable[[str, int | None], AbstractContextManager[Callable[[int], object]]]
"""Opened with a file's name and its bytes (None: unknown); what it gives is told of every block."""

BLOCK = 1 << 20
"""Bytes that are read, and reported, at a time."""


def unwatched(name: str, total: int | None) -> AbstractContextManager[Callable[[int], object]]:
    """A :data:`Transfer` that shows nothing."""
    return nullcontext(lambda count: None)


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 over the names and the content of the files, 64 hexadecimal digits.

    Neither their order nor where they lie matters.

    Raises:
        HarnessError: a file cannot be read; names it.
    """
    return digest_of((path.name, sha256(path)) for path in paths)


def digest_of(files: Iterable[tuple[str, str]]) -> str:
    """As :func:`digest`, of (name, SHA-256) of each file."""
    listing = "".join(sorted(f"{name}\0{sha256}\n" for name, sha256 in files))
    return hashlib.sha256(listing.encode()).hexdigest()


def sha256(path: Path) -> str:
    """Digest of the file's content, read again only when its size or time has changed.

    Raises:
        HarnessError: the file cannot be read; names it.
    """
    return remembered(path) or read_sha256(path)


def read_sha256(path: Path, transfer: Transfer = unwatched) -> str:
    """Digest of the file's content, read in any case and then remembered.

    Raises:
        HarnessError: the file cannot be read; names it.
    """
    found = hashlib.sha256()
    try:
        seen = _seen(path)
        with path.open("rb") as content, transfer(path.name, path.stat().st_size) as advance:
            while block := content.read(BLOCK):
                found.update(block)
                advance(len(block))
        _remember(path, seen, found.hexdigest())
    except OSError as error:
        raise HarnessError(f"{error.filename or path}: {error.strerror}") from error
    return found.hexdigest()


def remember(path: Path, found: str) -> None:
    """Keep the digest of a file whose content has just been written.

    Raises:
        OSError: the file or the cache folder cannot be used.
    """
    _remember(path, _seen(path), found)


def remembered(path: Path) -> str | None:
    """The digest that is kept of the file as it is now; None where there is none.

    Raises:
        HarnessError: the file cannot be read; names it.
    """
    try:
        kept = read_json(_memory(path))
    except HarnessError:
        # Missing or damaged: it can be made again.
        return None
    try:
        unchanged = isinstance(kept, dict) and _seen(path).items() <= kept.items()
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}") from error
    return str(kept["sha256"]) if unchanged and "sha256" in kept else None


def difference(file: WeightsFile, path: Path, found: str | None) -> str:
    """What the file at ``path`` has other than the card says; empty where nothing is known to be.

    Args:
        found: the SHA-256 of its content; None to compare sizes only.
    """
    if file.size is not None and (size := path.stat().st_size) != file.size:
        return f"has {size} bytes, the card says {file.size}"
    wanted = (file.sha256 or "").lower()
    if found is not None and not found.startswith(wanted):
        return f"has SHA-256 {found[:16]}…, the card says {wanted[:16]}…"
    return ""


def remedy(path: Path) -> str:
    """What to do about a damaged file: the hub keeps content apart from the name, and would link a
    deleted name to the same content again."""
    content = f" and {path.resolve()}" if path.is_symlink() else ""
    return f"delete {path}{content}, then fetch it again"


def _remember(path: Path, seen: dict[str, object], found: str) -> None:
    memory = _memory(path)
    memory.parent.mkdir(parents=True, exist_ok=True)
    write_json(memory, {**seen, "sha256": found})


def _seen(path: Path) -> dict[str, object]:
    path = path.resolve()
    stat = path.stat()
    return {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _memory(path: Path) -> Path:
    key = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogatepass")).hexdigest()
    return cache_directory() / "weights" / f"{key[:32]}.json"
