"""Whether what was read from a file has the shape that a type states, however it got there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from harness.errors import HarnessError

_SHOWN = 40
"""Characters of a value that a message repeats."""
_NAMES = {NoneType: "null", str: "text", int: "a whole number", float: "a number", bool: "a bool"}


def check_shape(path: Path, value: Any, expected: Any, at: tuple[str, ...] = ()) -> None:
    """Check a JSON value against a type made of TypedDict, list, dict, Literal, unions and scalars.

    Numbers must be finite; keys that a record does not state are passed over.

    Args:
        path: where the value comes from; named in the error.
        at: the keys that lead to the value.

    Raises:
        HarnessError: the first place that differs.
    """
    _check(path, at, value, expected)


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
        if not _is_scalar(value, float):
            raise _wrong(path, at, value, "a finite number")
    elif isinstance(value, str) and not _is_text(value):
        raise _wrong(path, at, value, "text in UTF-8")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check(path: Path, at: tuple[str, ...], value: Any, expected: Any) -> None:
    if expected in _NAMES or expected is Any:
        if not _is_scalar(value, expected):
            raise _wrong(path, at, value, _name(expected))
        return
    if is_typeddict(expected):
        _check_record(path, at, value, expected)
        return
    origin, arguments = _generic(expected)
    if origin in (Union, UnionType):
        kinds = [kind for kind in arguments if kind is not NoneType]
        if value is None and len(kinds) < len(arguments):
            return
        if len(kinds) == 1:
            _check(path, at, value, kinds[0])
        elif not any(_is_scalar(value, kind) for kind in kinds):
            raise _wrong(path, at, value, " or ".join(map(_name, kinds)))
    elif origin is list:
        if not isinstance(value, list):
            raise _wrong(path, at, value, "a list")
        for number, item in enumerate(value) if arguments[0] is not Any else ():
            _check(path, (*at, str(number)), item, arguments[0])
    elif origin is dict:
        if not isinstance(value, Mapping):
            raise _wrong(path, at, value, "a record")
        for name, item in value.items() if arguments[1] is not Any else ():
            _check(path, (*at, str(name)), item, arguments[1])
    elif origin is Literal:
        if not isinstance(value, str) or value not in arguments:
            raise _wrong(path, at, value, f"one of {', '.join(map(str, arguments))}")
    elif not _is_scalar(value, expected):
        raise _wrong(path, at, value, _name(expected))


def _check_record(path: Path, at: tuple[str, ...], value: Any, expected: Any) -> None:
    if not isinstance(value, Mapping):
        raise _wrong(path, at, value, "a record")
    missing = sorted(expected.__required_keys__ - value.keys())
    if missing:
        where = f"{'.'.join(at)} " if at else ""
        raise HarnessError(f"{path}: {where}lacks {', '.join(missing)}")
    for name, kind in _hints(expected).items():
        if name in value:
            _check(path, (*at, name), value[name], kind)


@cache
def _generic(expected: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(expected), get_args(expected)


@cache
def _hints(record: type) -> Mapping[str, Any]:
    return get_type_hints(record)


def _is_scalar(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if kind in (int, float):
        if isinstance(value, bool) or not isinstance(value, int | kind):
            return False
        try:
            return math.isfinite(value)
        except OverflowError:
            return False
    return isinstance(value, kind)


def _name(kind: Any) -> str:
    return _NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def _wrong(path: Path, at: tuple[str, ...], value: Any, expected: str) -> HarnessError:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    where = f"{'.'.join(at)} is {shown}" if at else f"holds {type(value).__name__} {shown}"
    return HarnessError(f"{path}: {where}, where {expected} belongs")
