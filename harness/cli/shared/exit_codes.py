"""The exit code of several runs."""

from __future__ import annotations

from collections.abc import Collection

NOTHING_RAN = 3


def of_several(codes: Collection[int]) -> int:
    """That of all runs together, of their codes 0, 1 and 3: 1 where one has 1, and 3 (nothing ran)
    only where none has another."""
    return next((code for code in (1, 0) if code in codes), NOTHING_RAN)
