"""Several values of a field of the protocol: ``learning_rate=1e-3,1e-4`` asks for one after the
other, and several such fields for every combination."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from harness.errors import HarnessError
from harness.planning.study_files.protocol_options import field_of, pieces, read_settings
from harness.protocol import Protocol, override

MEASURES = ("time_only", "test_images", "select_by", "probe_iterations", "probe_seconds")
"""Fields that say what is measured: rows that differ in one are not rows of one table."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The protocols that settings ask for."""

    protocols: tuple[Protocol, ...]
    """At least one, in the order of the values, the last field's first."""
    fields: tuple[str, ...]
    """That they differ in; empty where there is one."""


def sweep_of(base: Protocol, settings: Iterable[str]) -> Sweep:
    """Every protocol that the settings ``KEY=VALUE`` and ``KEY=VALUE,VALUE`` make of the base.

    Of settings of one key the last one counts.

    Raises:
        HarnessError: several values of a field that says what is measured, or as
            :func:`harness.protocol.override`.
    """
    asked: dict[str, list[str]] = {}
    for setting in settings:
        said, _, text = setting.partition("=")
        field = field_of(said)
        values = pieces(field, text)
        if len(values) > 1 and not all(map(str.strip, values)):
            raise HarnessError(
                f"--set {setting}: a value is missing; write {said}=VALUE,VALUE",
                about=f"set.{said}",
            )
        if len(values) > 1 and field in MEASURES:
            raise HarnessError(
                f"--set {setting}: {field} says what is measured, so its rows have tables of their "
                "own: give one value, and run again for another",
                about=f"set.{said}",
            )
        # Settings without "=" are refused as they are.
        asked.pop(field, None)
        asked[field] = [f"{said}={v}" for v in values] if "=" in setting else [setting]
    combined = [override(base, read_settings(one)) for one in product(*asked.values())]
    protocols = tuple(dict.fromkeys(combined))
    differing = tuple(
        field
        for field, values in asked.items()
        if len(values) > 1 and len({getattr(protocol, field) for protocol in protocols}) > 1
    )
    return Sweep(protocols, differing)
