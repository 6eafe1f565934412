"""Counts, sizes and times in words."""

from __future__ import annotations

_SIBILANTS = ("s", "x", "z", "sh", "tch")


def counted(number: int, noun: str) -> str:
    """``1 image``, ``2 images``, ``0 classes``: the noun, given in the singular, agrees."""
    plural = "es" if noun.endswith(_SIBILANTS) else "s"
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{plural}"


def size_text(count: float) -> str:
    """Bytes in binary units, three significant digits: ``512 B``, ``3.91 KiB``, ``12.5 GiB``."""
    unit = "B"
    for larger in ("KiB", "MiB", "GiB"):
        if count < 1024:
            break
        count, unit = count / 1024, larger
    return f"{count:.0f} {unit}" if count >= 100 else f"{count:.3g} {unit}"


def clock_text(seconds: float) -> str:
    """``1:23:45``, ``2:05`` or ``0:07``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
