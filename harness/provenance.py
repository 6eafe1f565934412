"""What code made a result: versions, and digests of sources that a version does not tell apart."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from harness.errors import HarnessError
from harness.runtime.distribution import DISTRIBUTION
from harness.runtime.shadows import module_of, source_of_editable

LOCAL = "local"
"""The distribution of a plugin that is not installed (``--plugin PATH``). Its version is empty."""
RESULTS_VERSION = 2
"""In the names of cells that a released harness makes. Raise it with every change of the harness or
of a bundled plugin after which a cell of a release comes to other numbers than before; releases of
one results version take each other's cells for their own."""
RESULT_ROOMS = (
    "cell",
    "data",
    "data/images",
    "data/sources",
    "data/splits",
    "data/store",
    "metrics",
    "results",
    "runtime",
    "storage",
    "tasks",
    "training",
    "training/fit",
    "training/frozen",
    "training/promises",
    "values",
    "weights",
)
"""Folders with a module that a cell imports, or that a plugin's code may ask for inside of one."""
RESULT_MODULES = (
    "errors",
    "machine",
    "protocol",
    "provenance",
    "seeds",
    "specs",
)
"""Those of the modules at the root."""


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


def forget_sources() -> None:
    """Read all sources again: a process that goes on, as a notebook's, sees them edited."""
    package_directory.cache_clear()
    source_digest.cache_clear()


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


def harness_code() -> dict[str, Any]:
    """What of a cell's name stands for the harness: the results version of a release, or version
    and source of any other."""
    if is_released():
        return {"results_version": RESULTS_VERSION}
    return {"harness": version(DISTRIBUTION), "harness_source": core_digest()}


def plugin_code(reference: str, distribution: str, installed: str) -> dict[str, Any]:
    """What stands for the plugin whose code ``"package.module:callable"`` names: version and source
    of its package, neither where it is a released harness's own."""
    if is_bundled(distribution) and is_released():
        return {"distribution": distribution}
    return {
        "distribution": distribution,
        "version": installed,
        "source": code_digest(reference),
    }


def core_digest() -> str:
    """Digest of the sources of the core that can change what a cell comes to."""
    root = package_directory("harness")
    digest = hashlib.sha256()
    for file in _core_files(root):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _core_files(root: Path) -> Iterator[Path]:
    """In a fixed order."""
    for room in RESULT_ROOMS:
        yield from sorted((root / room).glob("*.py"))
    for module in RESULT_MODULES:
        yield root / f"{module}.py"


@cache
def is_released() -> bool:
    """Whether this harness was installed from a package index, and no file of it has changed since.

    A checkout, an editable installation and one from a folder, an archive or a repository are no
    releases: their versions do not tell what code they are.
    """
    installed = importlib.metadata.distribution(DISTRIBUTION)
    root = package_directory("harness")
    if (
        installed.read_text("direct_url.json") is not None
        or Path(str(installed.locate_file("harness"))).resolve() != root.resolve()
    ):
        return False
    stated = {
        Path(str(file.locate())).resolve(): file.hash.value
        for file in installed.files or ()
        if file.hash is not None and file.hash.mode == "sha256"
    }
    packages = {file.parts[0] for file in installed.files or () if len(file.parts) > 1}
    sources = [
        file.resolve()
        for package in packages
        for file in Path(str(installed.locate_file(package))).rglob("*")
        if file.suffix != ".pyc" and file.is_file() and not package.endswith(".dist-info")
    ]
    return bool(sources) and all(stated.get(file) == _as_recorded(file) for file in sources)


def _as_recorded(file: Path) -> str:
    """SHA-256 of a file in the notation of an installation's RECORD."""
    digest = hashlib.sha256(file.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def package_file(reference: str) -> Path:
    """The file of ``"package:path/in/package"``; HarnessError where it is missing."""
    package, _, relative = reference.partition(":")
    path = package_directory(package) / relative
    if not path.is_file():
        raise HarnessError(f"package data {reference!r} is missing; reinstall the plugin")
    return path


def is_bundled(dist: str) -> bool:
    """Whether a distribution of this name is the harness's own."""
    return canonicalize_name(dist) == DISTRIBUTION
