"""How long a run will still take, as a range that narrows as cells finish.

A cell costs what cells of its method took before on such a machine, where that is known; else what
this run has taught about its method, its family, or any method. The less alike, the wider the
range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

MINUTE, HOUR = 60.0, 3600.0
KNOWN, SAME_METHOD, SAME_FAMILY, ANY, OWN_PACE = 0.25, 0.25, 0.5, 0.8, 0.5
"""Relative uncertainty of a cell's cost, by what it is estimated from."""
COMMON = 0.1
"""What cells are wrong by together: the machine's other work."""
LEAST_SHARE = 0.1
"""Of its cost, what a cell still needs at least while it runs."""
SLOWEST, FASTEST = 4.0, 0.25
"""Bounds of this run's time over the time before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A cell that is to run."""

    method: str
    family: str
    seconds: float | None = None
    """What it will take by cells that have finished before; None where none has."""


@dataclass(slots=True)
class TimeLeft:
    """Told what happens; asked for the seconds that are left."""

    works: Mapping[str, Work]
    """Key of a cell -> what it is."""
    at_a_time: int
    """Cells that run side by side."""
    _began: dict[str, float] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict)
    _took: dict[str, float] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)

    def begin(self, key: str, now: float) -> None:
        """The cell's process has been started."""
        self._began[key] = now

    def progressed(self, key: str, share: float) -> None:
        """So much of the cell is done, from 0 to 1."""
        self._shares[key] = min(1.0, share)

    def finish(self, key: str, now: float) -> None:
        """The cell is over; one that has never begun was finished before, or cannot run."""
        self._over.add(key)
        if key in self._began:
            self._took[key] = now - self._began[key]

    def seconds(self, now: float) -> tuple[float, float] | None:
        """The least and the most that is left; None before anything is known."""
        left = [self._left(key, now) for key in self.works if key not in self._over]
        known = [pair for pair in left if pair is not None]
        if not known or len(known) < len(left):
            return None if left else (0.0, 0.0)
        work = sum(seconds for seconds, _ in known)
        # What is taken from other methods errs alike, and does not average out.
        apart = [seconds * doubt for seconds, doubt in known if doubt <= SAME_METHOD]
        alike = [seconds * doubt for seconds, doubt in known if doubt > SAME_METHOD]
        spread = math.hypot(*apart) + sum(alike) + COMMON * work
        longest = max(seconds * (1 + doubt) for seconds, doubt in known)
        slots = min(self.at_a_time, len(known))
        return max(0.0, work - spread) / slots, max((work + spread) / slots, longest)

    def _left(self, key: str, now: float) -> tuple[float, float] | None:
        """Seconds of one cell, and their relative uncertainty."""
        if (cost := self._cost(key, now)) is None:
            return None
        seconds, doubt = cost
        if key not in self._began:
            return seconds, doubt
        gone = now - self._began[key]
        left = max(seconds - gone, LEAST_SHARE * seconds)
        if share := self._shares.get(key):
            left = min(left, (1 - share) * max(seconds, gone) + LEAST_SHARE * seconds)
        return left, doubt

    def _cost(self, key: str, now: float) -> tuple[float, float] | None:
        work = self.works[key]
        if work.seconds is not None:
            return work.seconds * self._pace(), KNOWN
        for alike, doubt in (
            (lambda other: other.method == work.method, SAME_METHOD),
            (lambda other: other.family == work.family, SAME_FAMILY),
            (lambda other: True, ANY),
        ):
            if took := [t for other, t in self._took.items() if alike(self.works[other])]:
                return sum(took) / len(took), doubt
        if self._shares.get(key):
            return self._projected(key, now), OWN_PACE
        paces = [self._projected(other, now) for other, share in self._shares.items() if share]
        return (sum(paces) / len(paces), ANY) if paces else None

    def _projected(self, key: str, now: float) -> float:
        """What a running cell will have taken, at its pace so far."""
        return (now - self._began[key]) / self._shares[key]

    def _pace(self) -> float:
        """This run's time over the time before, of the cells where both are known."""
        ratios = [
            took / seconds
            for key, took in self._took.items()
            if (seconds := self.works[key].seconds)
        ]
        return min(SLOWEST, max(FASTEST, median(ratios))) if ratios else 1.0


def in_words(seconds: tuple[float, float] | None) -> str:
    """``2 to 4 min left``; empty where nothing is known."""
    if seconds is None:
        return ""
    low, high = seconds
    if high < MINUTE:
        return "less than 1 min left"
    if high < 2 * HOUR:
        first, last = math.floor(low / MINUTE), math.ceil(high / MINUTE)
        if first == 0:
            return f"up to {last} min left"
        return f"{first} to {last} min left" if first < last else f"about {last} min left"
    least, most = math.floor(2 * low / HOUR) / 2, math.ceil(2 * high / HOUR) / 2
    if least == 0:
        return f"up to {most:g} h left"
    return f"{least:g} to {most:g} h left" if least < most else f"about {most:g} h left"
