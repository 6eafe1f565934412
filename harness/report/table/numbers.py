"""How a number is written. Unknown is a dash, never 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.results.browse.decimals import UNKNOWN
from harness.values.wording import size_text

__all__ = [
    "UNKNOWN",
    "mean",
    "mean_and_range",
    "millions",
    "number",
    "percent",
    "size_of",
    "whole",
]

_WIDEST = 1e15
"""From here on a number is written with an exponent: all its digits would fill a line."""


def number(value: float | None) -> str:
    """Three significant digits, in exponent form only from 1e15."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    if abs(value) < 0.001:
        return "<0.001"
    if abs(value) >= _WIDEST:
        return f"{value:.3g}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def whole(value: float) -> str:
    """A count, with all its digits; with an exponent from 1e15."""
    return f"{value:.0f}" if abs(value) < _WIDEST else f"{value:.3g}"


def millions(value: float) -> str:
    """A count in millions, three significant digits."""
    return number(value / 1e6)


def percent(value: float) -> str:
    """A share in [0, 1] in per cent."""
    return f"{100 * value:g} %"


def size_of(count: float | None) -> str:
    """Bytes in binary units."""
    return UNKNOWN if count is None else size_text(count)


def mean(values: Sequence[float]) -> float:
    """The mean of one value or more; of equal ones exactly that value."""
    if min(values) == max(values):
        return values[0]
    return sum(values) / len(values)


def mean_and_range(values: Sequence[float], figure: Callable[[float], str]) -> str:
    """The mean, and in brackets the lowest, the highest and how many there are."""
    if not values:
        return UNKNOWN
    if len(values) == 1:
        return f"{figure(values[0])} (n=1)"
    low, high = figure(min(values)), figure(max(values))
    return f"{figure(mean(values))} ({low}\N{EN DASH}{high}, n={len(values)})"
