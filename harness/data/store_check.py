"""Whether a store on disk is what was once written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.store_plan import META, StorePlan
from harness.errors import HarnessError

_READ_WHOLE = 64_000_000
"""Files up to so many bytes are digested whole: about 0.1 s."""
_SAMPLES = 64
_SAMPLE_BYTES = 65_536


class StoreDamagedError(HarnessError):
    """A store is not what was written; the message says how."""


def content_digest(path: Path) -> str:
    """Digest of the file's content; of a file above 64 MB, of 64 blocks of 64 KiB spread evenly
    from its first byte to its last.

    A lost block that no sample hits goes unseen, which is the price of opening a gigabyte at once;
    truncation never does, as sizes are compared too.
    """
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= _READ_WHOLE:
            digest.update(file.read())
        else:
            for offset in np.linspace(0, size - _SAMPLE_BYTES, _SAMPLES).astype(np.int64):
                file.seek(int(offset))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def check(directory: Path, plan: StorePlan) -> Mapping[str, Any]:
    """The store's ``meta.json``, after its files have been compared with it and with the plan.

    Raises:
        StoreDamagedError: anything is missing or differs.
    """
    try:
        meta = json.loads((directory / META).read_bytes())
        if meta["key"] != plan.key or set(meta["files"]) != set(plan.shapes):
            raise StoreDamagedError(f"{META} belongs to another store")
        float(meta["build_seconds"])
        for name, stored in meta["files"].items():
            _check_file(directory / name, stored, plan.shapes[name])
    except OSError as error:
        raise StoreDamagedError(
            f"{Path(error.filename or directory).name}: {error.strerror}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamagedError(f"{META} or an array's header is unreadable") from error
    return meta  # type: ignore[no-any-return]


def _check_file(path: Path, stored: Mapping[str, Any], shape: tuple[int, ...]) -> None:
    size = path.stat().st_size
    if size != stored["bytes"]:
        raise StoreDamagedError(f"{path.name} has {size} bytes instead of {stored['bytes']}")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != shape or array.dtype != np.uint8:
        raise StoreDamagedError(
            f"{path.name} has shape {list(array.shape)} instead of {list(shape)}"
        )
    if content_digest(path) != stored["digest"]:
        raise StoreDamagedError(f"{path.name} has changed since it was written")
