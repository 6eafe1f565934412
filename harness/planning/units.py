"""Bytes and times as people write them."""

from __future__ import annotations

import re

from harness.errors import HarnessError
from harness.values.wording import size_text

_BYTES = {
    **{"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12},
    **{"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
}
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


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
    """``30d``, ``12 h``: minutes, hours, days or weeks; None stays None.

    Raises:
        HarnessError: it is none of these.
    """
    found = None if text is None else _parts(text, _SECONDS)
    if text is not None and found is None:
        raise HarnessError(f"{option} {text!r}: give a number with m, h, d or w, e.g. 30d")
    return found


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
