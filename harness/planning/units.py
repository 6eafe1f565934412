"""Bytes and times as people write them."""

from __future__ import annotations

import math
import re

from harness.errors import HarnessError
from harness.values.wording import size_text

_BYTES = {
    **{"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12},
    **{"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
}
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400),
}


def number_of_bytes(option: str, text: str | None) -> int | None:
    """``20GB`` (10^9 bytes each), ``8 GiB`` (2^30) or a plain number; None stays None.

    Raises:
        HarnessError: it is none of these.
    """
    found = None if text is None else _parts(text, _BYTES)
    if text is not None and found is None:
        raise HarnessError(
            f"{option} {text!r}: give bytes, or a number with a unit, such as 8GB or 8GiB",
            about=option.removeprefix("--").replace("-", "_"),
        )
    return None if found is None else int(found)


def number_of_seconds(option: str, text: str | None) -> float | None:
    """``30d``, ``12 h``, ``1h30m``: seconds to weeks; None stays None.

    Raises:
        HarnessError: it is none of these.
    """
    found = None if text is None else _seconds(text)
    if text is not None and found is None:
        raise HarnessError(f"{option} {text!r}: give a number with s, m, h, d or w, e.g. 30d")
    return found


def duration(option: str, text: str, about: str) -> float:
    """The same for what is seconds without a unit: ``600``, ``10m``, ``1h30m``.

    Args:
        about: the key of a study file, as a :class:`HarnessError` has it.

    Raises:
        HarnessError: it is none of these, or not more than 0.
    """
    try:
        found: float | None = float(text)
    except ValueError:
        found = _seconds(text)
    if found is None or not 0 < found < math.inf:
        raise HarnessError(
            f"{option} {text!r}: give seconds, more than 0, or a time with a unit, such as 90s, "
            "10m or 1h30m",
            about=about,
        )
    return found


def number_of_pixels(option: str, text: str, about: str | None = None) -> int:
    """``512``, ``512px`` or ``512x512``: the side of a square image.

    Args:
        about: as of :func:`duration`.

    Raises:
        HarnessError: it is none of these.
    """
    form = r"(\d+)\s*(?:(?:px|pixels?)|x\s*(\d+)(?:\s*px)?)?"
    found = re.fullmatch(form, text.strip().lower())
    if found is None or found[2] not in (None, found[1]):
        raise HarnessError(
            f"{option} {text!r}: give the pixels of a side, such as 512 or 512px; images are "
            "square",
            about=about,
        )
    return int(found[1])


def _seconds(text: str) -> float | None:
    """The sum of numbers with a unit each, the largest first; None for any other text."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text.strip().lower())
    whole = re.sub(r"\s", "", text.lower()) == "".join(map("".join, parts))
    units = [_SECONDS.get(unit, 0) for _, unit in parts]
    if not parts or not whole or 0 in units or units != sorted(set(units), reverse=True):
        return None
    return sum(float(number) * unit for (number, _), unit in zip(parts, units, strict=True))


def _parts(text: str, units: dict[str, int]) -> float | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    return float(found[1]) * units[found[2]] if found and found[2] in units else None


def bytes_text(count: int | None) -> str:
    """``1.2 GiB``; ``unknown`` for None."""
    return "unknown" if count is None else size_text(count)


def seconds_text(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min`` or ``2 d 4 h``: two units at most."""
    if seconds < 1:
        return "< 1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
