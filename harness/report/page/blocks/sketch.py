"""A chart as plain lines, for readers whose browser runs no scripts. Lengths are in pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.report.formats.records import Record
from harness.report.page.blocks.charts import COLOURS, MUTED

WIDTH, HEIGHT = 560, 260
LEFT, BELOW = 46, 22
"""Room for the numbers of the axes."""
BAR = 18
NAMES = 250
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """A method."""

    name: str
    colour: str
    path: str
    """Of an SVG; empty where points are not joined."""
    dots: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A method's parts, one after the other."""

    name: str
    top: int
    parts: Sequence[tuple[float, float, str, str]]
    """Start, length, colour, and what it is."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """The lines of a chart."""

    height: int
    x: Sequence[tuple[float, str]]
    """Ticks."""
    y: Sequence[tuple[float, str]]
    title: str
    """What the axes are."""
    curves: Sequence[Curve] = ()
    bars: Sequence[Bar] = ()
    key: Sequence[tuple[str, str]] = ()
    """Colour and name."""


def sketch(
    records: Sequence[Record],
    names: Sequence[str],
    x: tuple[str, str],
    y: tuple[str, str],
    *,
    joined: bool = True,
    logarithmic: bool = False,
    only: Mapping[str, str] | None = None,
) -> Sketch:
    """A line, or dots, for each method.

    Args:
        names: methods, the best first.
        x, y: field of the records, and its title.
        joined: whether a method's points are joined.
        logarithmic: whether the x axis is.
        only: fields and values of the records that are drawn.
    """
    chosen = [one for one in records if all(one[k] == v for k, v in (only or {}).items())]
    points = {
        name: [
            (float(a), float(b))
            for one in chosen
            if one["method"] == name
            and isinstance(a := one[x[0]], int | float)
            and isinstance(b := one[y[0]], int | float)
        ]
        for name in names
    }
    every = [pair for pairs in points.values() for pair in pairs]
    across, x_ticks = _axis([a for a, _ in every], LEFT, WIDTH, logarithmic)
    up, y_ticks = _axis([b for _, b in every], HEIGHT - BELOW, 8, False)
    curves = []
    for place, (name, pairs) in enumerate(points.items()):
        dots = [(round(across(a), 1), round(up(b), 1)) for a, b in pairs]
        path = "M" + "L".join(f"{a:g} {b:g}" for a, b in dots) if joined and dots else ""
        colour = f"var(--c{place})" if place < COLOURS else MUTED
        curves.append(Curve(name, colour, path, [] if joined else dots))
    facts = [f"{value} {name}" for name, value in (only or {}).items()]
    title = ", ".join([f"{y[1]} (upwards) by {x[1]}", *facts])
    key = [(curve.colour, curve.name) for curve in curves[:COLOURS]]
    return Sketch(HEIGHT, x_ticks, y_ticks, title, curves=curves, key=key)


def sketched_bars(
    taken: Mapping[str, Mapping[str, float]], steps: Mapping[str, str], title: str
) -> Sketch:
    """A bar for each method.

    Args:
        taken: method -> step -> seconds.
        steps: step -> colour.
    """
    most = max((sum(own.values()) for own in taken.values()), default=0.0)
    across, ticks = _axis([0.0, most], NAMES, WIDTH, False)
    bars = []
    for place, (name, own) in enumerate(taken.items()):
        parts, start = [], 0.0
        for step, colour in steps.items():
            seconds = own.get(step, 0.0)
            length = across(start + seconds) - across(start)
            if length > 0.05:
                parts.append((round(across(start), 1), round(length, 1), colour, step))
            start += seconds
        bars.append(Bar(name, BAR * place, parts))
    key = [(colour, step) for step, colour in steps.items()]
    return Sketch(BAR * len(bars) + BELOW, ticks, (), title, bars=bars, key=key)


def _axis(
    values: Sequence[float], start: float, end: float, logarithmic: bool
) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """Where a value is on an axis between two places, and its ticks."""
    scale: Callable[[float], float] = math.log10 if logarithmic else float
    low, high = min(values, default=0.0), max(values, default=1.0)
    ticks = _decades(low, high) if logarithmic else _round(low, high)
    first, last = min(scale(low), scale(ticks[0])), max(scale(high), scale(ticks[-1]))
    span = last - first or 1.0

    def place(value: float) -> float:
        return start + (end - start) * (scale(value) - first) / span

    return place, [(round(place(tick), 1), f"{tick:g}") for tick in ticks]


def _round(low: float, high: float) -> list[float]:
    """Round numbers from the lowest value to the highest, four to nine of them."""
    rough = (high - low or abs(low) or 1.0) / 6
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * next(one for one in STEPS if one * unit >= rough)
    first = math.floor(low / step + 1e-9)
    count = max(1, math.ceil(high / step - 1e-9) - first)
    return [round((first + index) * step, 12) for index in range(count + 1)]


def _decades(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]
