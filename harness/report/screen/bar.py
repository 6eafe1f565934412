"""Values and intervals drawn on an axis, a character per step."""

from __future__ import annotations

from dataclasses import dataclass

from harness.metrics.intervals import Interval

WIDTH = 26
POINT, LINE, CHANCE, DOT = "●", "─", "┊", "·"
_WORD = "chance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """From the lowest to the highest value of a metric."""

    low: float = 0.0
    high: float = 1.0
    chance: float | None = None
    """The value without looking at an image."""

    def _place(self, value: float) -> int:
        share = (value - self.low) / (self.high - self.low)
        return round(min(max(share, 0.0), 1.0) * (WIDTH - 1))

    def heading(self) -> str:
        """The axis itself: ``0 ····chance···············1``."""
        ends = (f"{self.low:g}", f"{self.high:g}")
        line = [*ends[0], *DOT * (WIDTH - len(ends[0]) - len(ends[1])), *ends[1]]
        if self.chance is not None:
            first, last = len(ends[0]) + 1, WIDTH - len(ends[1]) - len(_WORD) - 1
            start = min(max(self._place(self.chance) - len(_WORD) // 2, first), last)
            line[start : start + len(_WORD)] = _WORD
        return "".join(line)

    def draw(self, value: float, interval: Interval | None) -> str:
        """A value with its interval, and chance where they leave it free."""
        line = [" "] * WIDTH
        if self.chance is not None:
            line[self._place(self.chance)] = CHANCE
        if interval is not None:
            start, end = self._place(interval.low), self._place(interval.high) + 1
            line[start:end] = LINE * (end - start)
        line[self._place(value)] = POINT
        return "".join(line).rstrip()
