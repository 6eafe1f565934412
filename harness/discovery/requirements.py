"""Whether the packages that a method, a family or a logger needs are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import Requirement

from harness.specs import FamilySpec, LoggerSpec, MethodSpec


def missing_requirements(spec: MethodSpec | FamilySpec | LoggerSpec) -> tuple[str, ...]:
    """Those of ``spec.requires`` that are not met here, ready for ``pip install``.

    A requirement whose marker does not hold on this machine is met.
    """
    return tuple(text for text in spec.requires if not _is_met(Requirement(text)))


def _is_met(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return True
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False
