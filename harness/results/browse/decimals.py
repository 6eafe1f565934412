"""How a metric is written."""

from __future__ import annotations

UNKNOWN = "\N{EN DASH}"
_WIDEST = 1e7


def decimals(value: float | None, digits: int = 4, *, signed: bool = False) -> str:
    """A number with that many decimals, a dash where it is unknown.

    From 1e7 on it has an exponent and as many digits: all its digits would fill a line. What rounds
    to zero has no minus.
    """
    if value is None:
        return UNKNOWN
    plus = "+" if signed else ""
    if abs(value) >= _WIDEST:
        return f"{value:{plus}.{digits}g}"
    return f"{value:{plus}z.{digits}f}"
