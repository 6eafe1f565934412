"""Why a cell cannot run here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What is in the way, the most fundamental first."""

    PLUGIN_MISTAKE = 0
    PACKAGES_MISSING = 1
    MASKS_MISSING = 2
    WEIGHTS_UNFIT = 3
    """Those asked for make no sense for the method."""
    WEIGHTS_MISSING = 4
    """A network might still bring them."""


_STATUS = {Kind.PLUGIN_MISTAKE: "load_failed", Kind.PACKAGES_MISSING: "not_installed"}


@dataclass(frozen=True, slots=True)
class Obstacle:
    kind: Kind
    reason: str
    """With the remedy, if there is one."""

    @property
    def blocked(self) -> tuple[str, str]:
        """Status and reason of the cell."""
        return _STATUS.get(self.kind, "skipped"), self.reason


def first_of(obstacles: Iterable[Obstacle | None]) -> Obstacle | None:
    """The most fundamental one; None where there is none."""
    found = [obstacle for obstacle in obstacles if obstacle is not None]
    return min(found, key=lambda obstacle: obstacle.kind, default=None)
