"""Whether the packages that a method, a family, a logger or an executor needs are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import Requirement

from harness.specs import ExecutorSpec, FamilySpec, LoggerSpec, MethodSpec

Needy = MethodSpec | FamilySpec | LoggerSpec | ExecutorSpec


def missing_requirements(spec: Needy) -> tuple[str, ...]:
    """Those of ``spec.requires`` that are not met here, ready for ``pip install``.

    A requirement whose marker does not hold on this machine is met.
    """
    return tuple(text for text in spec.requires if not _is_met(Requirement(text)))


def what_to_install(spec: MethodSpec | LoggerSpec | ExecutorSpec) -> str:
    """The command that installs what is needed and is not there; empty where nothing is."""
    missing = missing_requirements(spec)
    wanted = (spec.install,) if missing and spec.install else missing
    return " ".join(["pip install", *(f"'{name}'" for name in wanted)]) if wanted else ""


def _is_met(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return True
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False
