"""Facts about this installation, and what is wrong with it. Imports and changes nothing.

:mod:`harness.upkeep.check_machine` checks the machine."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from harness.discovery.registry import Plugins
from harness.provenance import harness_version, version
from harness.runtime import shadows
from harness.runtime.distribution import DISTRIBUTION

VARIABLES = (
    "CXR_HARNESS_CACHE",
    "CXR_HARNESS_DISABLE",
    "CXR_HARNESS_ONLY",
    "CXR_HARNESS_TORCH_MIRROR",
    "XDG_CACHE_HOME",
    "TORCH_HOME",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "TMPDIR",
    "NO_COLOR",
)
"""Environment variables that change what the harness does."""

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check."""

    topic: str
    """``versions``, ``imports``, ``devices``, ``places``, ``plugins``, ``extras`` or
    ``environment``."""
    name: str
    value: str
    """For people."""
    state: State = "ok"
    """``wrong``: something will not work. ``note``: worth knowing."""
    remedy: str = ""
    """What is wrong and what to do; empty for ``ok``."""


def versions(requirements: Iterable[str] | None = None) -> Iterator[Finding]:
    """Python, the harness, and every package that it requires, none of them imported.

    Args:
        requirements: PEP 508; None for those of the installed harness.
    """
    yield Finding(topic="versions", name="python", value=platform.python_version())
    yield Finding(topic="versions", name="harness", value=harness_version())
    stated = _stated() if requirements is None else requirements
    needed = [r for r in map(Requirement, stated) if r.marker is None or r.marker.evaluate()]
    for requirement in sorted(needed, key=lambda r: (r.name != "torch", r.name)):
        found = version(requirement.name)
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            yield Finding(
                topic="versions",
                name=requirement.name,
                value=found or "missing",
                state="wrong",
                remedy=f"pip install '{requirement}'",
            )
        else:
            yield Finding(topic="versions", name=requirement.name, value=found)


def extras() -> Iterator[Finding]:
    """Optional extras, and which of their packages are missing."""
    stated = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or ()]
    for extra in metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or ():
        wanted = [
            r
            for r in stated
            if r.marker is not None
            and r.marker.evaluate({"extra": extra})
            and not r.marker.evaluate({"extra": ""})
        ]
        missing = [r.name for r in wanted if version(r.name) is None]
        yield Finding(
            topic="extras",
            name=extra,
            value=f"missing: {', '.join(missing)}" if missing else "installed",
            state="note" if missing else "ok",
            remedy=f"if wanted: pip install '{DISTRIBUTION}[{extra}]'" if missing else "",
        )


def plugins(found: Plugins) -> Iterator[Finding]:
    """Every plugin, and why one does not load."""
    for record in found.records:
        broken = record in found.broken
        yield Finding(
            topic="plugins",
            name=record.name,
            value=f"{record.status}, {record.origin}",
            state="wrong" if broken else "ok",
            remedy=f"{record.reason}; repair or uninstall it, or set "
            f"CXR_HARNESS_DISABLE={record.name}"
            if broken
            else "",
        )


def imported(folder: Path, requirements: Iterable[str] | None = None) -> Iterator[Finding]:
    """Files that take the place of a library or of a standard module.

    Args:
        folder: the working directory, which the harness does not import from.
        requirements: PEP 508; None for those of the installed harness.
    """
    stated = _stated() if requirements is None else requirements
    names = sorted({Requirement(text).name for text in stated})
    wrong = [*shadows.libraries(names), *shadows.standard_modules()]
    for shadow in wrong:
        yield Finding(
            topic="imports",
            name=shadow.module,
            value=str(shadow.file),
            state="wrong",
            remedy=f"is imported instead of {shadow.hidden}; take its folder off PYTHONPATH, "
            "or give it another name",
        )
    found = {shadow.file.resolve() for shadow in wrong}
    for shadow in shadows.in_folder(folder.resolve(), names):
        if shadow.file.resolve() not in found:
            yield Finding(
                topic="imports",
                name=shadow.module,
                value=str(shadow.file),
                state="note",
                remedy=f"would hide {shadow.hidden} from a python that is started here; the "
                "harness does not import it, but give it another name, or work elsewhere",
            )


def environment(variables: Mapping[str, str]) -> Iterator[Finding]:
    """The environment variables that are set and matter."""
    for name in VARIABLES:
        if name in variables:
            yield Finding(topic="environment", name=name, value=variables[name] or "(empty)")


def _stated() -> list[str]:
    try:
        return metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
