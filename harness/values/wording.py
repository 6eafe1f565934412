"""Counts, sizes and times in words."""

from __future__ import annotations

_SIBILANTS = ("s", "x", "z", "sh", "tch")


def counted(number: int, noun: str) -> str:
    """``1 image``, ``2 images``, ``0 classes``, ``3 families``: the noun, given in the singular,
    agrees."""
    if number == 1:
        return f"{number} {noun}"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}{'es' if noun.endswith(_SIBILANTS) else 's'}"


def yes_no_unknown(answer: bool | None) -> str:
    """``yes``, ``no``, or ``unknown`` for None."""
    return "unknown" if answer is None else "yes" if answer else "no"


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


def setting_text(value: object) -> str:
    """A value of a field of the protocol as people read it: ``0.001``, ``1e-05``, ``none``."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
