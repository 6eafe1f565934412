"""Whether what was read from a file has the shape that a type states."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.values.check import fits, mismatch, shown


def check_shape(path: Path, value: Any, expected: Any, at: tuple[str, ...] = ()) -> None:
    """Check a JSON value against a type, as :mod:`harness.values.check` reads types.

    Args:
        path: where the value comes from; named in the error.
        at: the keys that lead to the value.

    Raises:
        HarnessError: the first place that differs.
    """
    found = mismatch(value, expected, at)
    if found is None:
        return
    if found.missing:
        where = f"{'.'.join(found.at)} " if found.at else ""
        raise HarnessError(f"{path}: {where}lacks {', '.join(found.missing)}")
    raise _wrong(path, found.at, found.value, found.wanted)


def check_values(path: Path, value: Any, at: tuple[str, ...] = ()) -> None:
    """Check that JSON of any shape holds only what can be computed with and written again: finite
    numbers, and text that UTF-8 can hold.

    Raises:
        HarnessError: the first place that does not.
    """
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not _is_text(name):
                raise _wrong(path, at, name, "a key in UTF-8")
            check_values(path, item, (*at, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            check_values(path, item, (*at, str(number)))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not fits(value, float):
            raise _wrong(path, at, value, "a finite number")
    elif isinstance(value, str) and not _is_text(value):
        raise _wrong(path, at, value, "text in UTF-8")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wrong(path: Path, at: tuple[str, ...], value: Any, expected: str) -> HarnessError:
    where = (
        f"{'.'.join(at)} is {shown(value)}"
        if at
        else f"holds {type(value).__name__} {shown(value)}"
    )
    return HarnessError(f"{path}: {where}, where {expected} belongs")
