"""What code made a result: versions, and digests of sources that a version does not tell apart."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from harness.errors import HarnessError
from harness.runtime.shadows import module_of, source_of_editable

DISTRIBUTION = "cxr-harness"
"""The harness's own distribution, which carries the bundled plugins."""
CORE_ROOMS = ("data", "training", "tasks", "execution")
"""The rooms of the core whose code can change a cell's predictions."""


def harness_version() -> str:
    """Of this harness, as installed."""
    return importlib.metadata.version(DISTRIBUTION)


def version(distribution: str) -> str | None:
    """Installed version, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def library_versions(distributions: Iterable[str]) -> dict[str, str | None]:
    """Distribution -> installed version, None where it is missing; one that is installed with
    ``pip install -e`` changes without its version, so a digest of its source is added."""
    return {name: _library_version(name) for name in distributions}


def _library_version(distribution: str) -> str | None:
    found = version(distribution)
    if found is None or source_of_editable(distribution) is None:
        return found
    return f"{found}+{source_digest(package_directory(module_of(distribution)))[:12]}"


@lru_cache(maxsize=64)
def package_directory(package: str) -> Path:
    """Folder of a top-level package, found without importing it (HarnessError where it is not)."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise HarnessError(f"package {package!r} is not installed, or has no source file")
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


@lru_cache(maxsize=64)
def source_digest(root: Path) -> str:
    """Digest of every Python file at or below ``root``, names included."""
    files = [root] if root.is_file() else sorted(root.rglob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root.parent)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def code_digest(reference: str) -> str:
    """Digest of what decides the code of ``"package.module:callable"``: the whole package of a
    plugin, or the one module of the harness."""
    module = reference.partition(":")[0]
    package, *inner = module.split(".")
    root = package_directory(package)
    return source_digest(root.joinpath(*inner).with_suffix(".py") if package == "harness" else root)


def file_digest(reference: str) -> str:
    """SHA-256 of the file of ``"package:path/in/package"``."""
    return hashlib.sha256(package_file(reference).read_bytes()).hexdigest()


def core_digest() -> str:
    """Digest of the rooms of the core that can change predictions."""
    root = Path(__file__).parent
    rooms = "".join(source_digest(root / room) for room in CORE_ROOMS)
    return hashlib.sha256(rooms.encode()).hexdigest()


def package_file(reference: str) -> Path:
    """The file of ``"package:path/in/package"``; HarnessError where it is missing."""
    package, _, relative = reference.partition(":")
    path = package_directory(package) / relative
    if not path.is_file():
        raise HarnessError(f"package data {reference!r} is missing; reinstall the plugin")
    return path
