"""The one clock: wall time of a cell, split by what it was spent on.

Buckets are exclusive: entering one pauses the one around it, so they add up to the whole, and what
no bucket claims is ``other``. Only the harness holds the clock; a method never reports its time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from harness.results.speed import QUEUED, spent

BUCKETS = (
    QUEUED,
    "start",
    "build",
    "data_prepare",
    "frozen_prefix",
    "compile",
    "train",
    "validate",
    "predict",
    "probe",
    "checkpoint",
    "other",
)


class Clock:
    """Seconds per bucket, since ``origin``.

    Args:
        origin: when the cell's process was started, by ``time.monotonic`` (which all processes of
            a machine share); what passed until now is ``start``. None: now.
        queued: seconds that the cell has waited before that.
        earlier: seconds per bucket that earlier processes of the same cell have spent.
    """

    def __init__(
        self,
        origin: float | None = None,
        *,
        queued: float = 0.0,
        earlier: Mapping[str, float] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._seconds = dict.fromkeys(BUCKETS, 0.0)
        self._since = now()
        self._stack = ["other"]
        if origin is not None:
            self._seconds["start"] = max(0.0, self._since - origin)
        self._seconds[QUEUED] = max(0.0, queued)
        self.add(earlier or {})

    def add(self, seconds: Mapping[str, float]) -> None:
        """Count seconds that were spent before this clock was made."""
        for bucket, value in seconds.items():
            self._seconds[bucket] += value

    @contextmanager
    def bucket(self, name: str) -> Iterator[None]:
        """Charge what happens inside to ``name``, one of :data:`BUCKETS`."""
        if name not in self._seconds:
            raise ValueError(f"no bucket {name!r}; buckets: {', '.join(BUCKETS)}")
        self._charge()
        self._stack.append(name)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    def _charge(self) -> None:
        now = self._now()
        self._seconds[self._stack[-1]] += now - self._since
        self._since = now

    def read(self) -> dict[str, float]:
        """Seconds per bucket until now."""
        self._charge()
        return dict(self._seconds)

    def spent(self) -> float:
        """Seconds of all buckets but ``queued``."""
        return sum(spent(self.read()).values())
