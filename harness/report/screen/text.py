"""Pieces of text that fit a place: names cut in the middle, numbers, lines of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

from harness.metrics.intervals import Interval
from harness.results.browse.decimals import decimals
from harness.storage.names import on_one_line

WIDTH = 80
HEIGHT = 23
"""Lines of the screen: with the prompt below it, it fills a terminal of 24."""
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
MINUS = "\N{MINUS SIGN}"


def shortened(text: str, width: int) -> str:
    """The text in at most ``width`` columns, with an ellipsis in its middle where it is longer."""
    if cell_len(text) <= width:
        return text
    left = width // 2
    start, end = "", ""
    for character in text:
        if cell_len(start + character) > left:
            break
        start += character
    for character in reversed(text):
        if cell_len(start) + 1 + cell_len(character + end) > width:
            break
        end = character + end
    return f"{start}{ELLIPSIS}{end}"


def shortened_at_the_end(text: str, width: int) -> str:
    """The beginning of a sentence, with an ellipsis where it is longer."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}{ELLIPSIS}"


def left(text: str, width: int) -> str:
    """Shortened, and blanks to its right up to ``width`` columns."""
    return set_cell_size(shortened(text, width), width)


def right(text: str, width: int) -> str:
    """Blanks to the left of a number up to ``width`` columns; a longer one stays whole."""
    return " " * (width - cell_len(text)) + text


def wrapped(text: str, first: str, rest: str, width: int = WIDTH) -> list[str]:
    """The text in lines that begin with ``first``, then ``rest``; a word longer than a line stays
    whole."""
    lines, line, empty = [], first, True
    for word in text.split(" "):
        joined = f"{line}{word}" if empty else f"{line} {word}"
        if not empty and cell_len(joined) > width:
            lines.append(line)
            line, joined = rest, f"{rest}{word}"
        line, empty = joined, False
    return [*lines, line]


def digits_of(intervals: Iterable[Interval | None]) -> int:
    """Decimals that the narrowest interval carries: the first digit of half its width, two at
    least and four at most."""
    halves = [(one.high - one.low) / 2 for one in intervals if one is not None]
    narrow = min((half for half in halves if half > 0), default=1.0)
    return min(max(2, math.ceil(-math.log10(narrow))), 4)


def interval_text(interval: Interval | None, digits: int, *, signed: bool = False) -> str:
    """``[0.67, 0.75]``; empty where there is none."""
    if interval is None:
        return ""
    low, high = (decimals(end, digits, signed=signed) for end in (interval.low, interval.high))
    return f"[{low}, {high}]".replace("-", MINUS)


def signed_text(interval: Interval) -> str:
    """A difference and its interval: ``+0.05 [+0.02, +0.08]``; no end is written as 0 that is on
    one side of it, if six decimals suffice for that."""
    digits = digits_of([interval])
    nearest = min((abs(end) for end in (interval.low, interval.high) if end), default=1.0)
    while digits < 6 and float(f"{nearest:.{digits}f}") == 0:
        digits += 1
    value = decimals(interval.value, digits, signed=True).replace("-", MINUS)
    return f"{value} {interval_text(interval, digits, signed=True)}"


def listed(names: Iterable[str], width: int) -> str:
    """Names with commas, as many as fit, and how many more there are."""
    every = [on_one_line(name) for name in names]
    for shown in range(len(every), 0, -1):
        more = [f"{len(every) - shown} more"] if shown < len(every) else []
        text = ", ".join([*every[:shown], *more])
        if cell_len(text) <= width:
            return text
    return shortened(every[0], max(width, 3)) if len(every) == 1 else f"{len(every)}"
