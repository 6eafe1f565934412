"""Whether a value has a type, said in words that a user understands.

A type is what an annotation states: ``str``, ``int``, ``float``, ``bool``, ``None``, ``Any``,
``Literal``, unions, ``list``, ``tuple``, ``frozenset``, ``dict``, ``Mapping``, TypedDicts and
other classes, in one another. A value is what JSON, TOML or a record of ours holds: lists stand for
tuples and sets, whole numbers for floats, and never a bool for a number. Numbers must be finite.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

_SHOWN = 40
"""Characters of a value that a message repeats."""
_NAMES = {
    NoneType: "null",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    tuple: "a list",
    frozenset: "a set",
    dict: "a table",
    Mapping: "a table",
}


class Mismatch(NamedTuple):
    """The first place where a value differs from its type."""

    at: tuple[str, ...]
    """The keys that lead to it."""
    value: Any
    wanted: str
    """What belongs there, e.g. ``"a whole number"``."""
    missing: tuple[str, ...] = ()
    """Keys that a record lacks; its values are of no interest then."""

    @property
    def shown(self) -> str:
        """The value, cut to a length that a message can take."""
        return shown(self.value)

    def __str__(self) -> str:
        """``'three' is not a whole number``, after the place where there is one."""
        place = f"{'.'.join(self.at)}: " if self.at else ""
        if self.missing:
            return f"{place}lacks {', '.join(self.missing)}"
        return f"{place}{self.shown} is not {self.wanted}"


def mismatch(value: Any, expected: Any, at: tuple[str, ...] = ()) -> Mismatch | None:
    """The first place where ``value`` is not of the type ``expected``; None where there is none.

    Keys that a TypedDict does not state are passed over.

    Args:
        at: the keys that lead to the value.
    """
    if expected is Any or (type(value) is expected and expected in (str, bool)):
        return None
    if is_typeddict(expected):
        return _in_record(value, expected, at)
    origin, arguments = _generic(expected)
    if origin in (Union, UnionType):
        return _in_union(value, arguments, at)
    if origin is Literal:
        fits = any(type(value) is type(choice) and value == choice for choice in arguments)
        return None if fits else Mismatch(at, value, in_words(expected))
    if origin in (list, tuple, frozenset):
        return _in_list(value, origin, arguments, at)
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            return Mismatch(at, value, "a record")
        return None if arguments[1] is Any else _first(value.items(), lambda _: arguments[1], at)
    return None if _is_scalar(value, expected) else Mismatch(at, value, _wanted(expected, value))


def fits(value: Any, expected: Any) -> bool:
    """Whether ``value`` is of the type ``expected``."""
    return mismatch(value, expected) is None


def converted(value: Any, expected: Any) -> Any:
    """A value that fits the scalar or union ``expected``, a whole number as float where only a
    float is meant."""
    kinds = set(get_args(expected)) or {expected}
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and float in kinds and int not in kinds else value


def type_of(value: Any) -> Any:
    """The type of what may stand in the place of this value: None may, and anything for None."""
    return Any if value is None else type(value) | None


def in_words(kind: Any) -> str:
    """``"a whole number"``, ``"text or a list"``."""
    origin, arguments = _generic(kind)
    if origin in (Union, UnionType):
        return " or ".join(in_words(part) for part in arguments if part is not NoneType)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    return _NAMES.get(origin or kind, getattr(kind, "__name__", str(kind)))


def shown(value: Any) -> str:
    """The value as Python writes it, cut to a length that a message can take."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def value_of(text: str) -> Any:
    """What a user wrote after ``NAME=``: JSON, or else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _in_record(value: Any, expected: Any, at: tuple[str, ...]) -> Mismatch | None:
    if not isinstance(value, Mapping):
        return Mismatch(at, value, "a record")
    if missing := expected.__required_keys__ - value.keys():
        return Mismatch(at, value, "a record", tuple(sorted(missing)))
    hints = _hints(expected)
    return _first(((n, value[n]) for n in hints if n in value), hints.__getitem__, at)


def _in_union(value: Any, arguments: tuple[Any, ...], at: tuple[str, ...]) -> Mismatch | None:
    kinds = [kind for kind in arguments if kind is not NoneType]
    if value is None and len(kinds) < len(arguments):
        return None
    if len(kinds) == 1:
        return mismatch(value, kinds[0], at)
    if any(fits(value, kind) for kind in kinds):
        return None
    return Mismatch(at, value, " or ".join(_wanted(kind, value) for kind in kinds))


def _in_list(
    value: Any, origin: type, arguments: tuple[Any, ...], at: tuple[str, ...]
) -> Mismatch | None:
    if not isinstance(value, list | tuple | (set | frozenset if origin is frozenset else tuple)):
        return Mismatch(at, value, in_words(origin))
    if origin is frozenset:
        return next((found for item in value if (found := mismatch(item, arguments[0], at))), None)
    if origin is tuple and Ellipsis not in arguments:
        if len(value) != len(arguments):
            return Mismatch(at, value, f"a list of {len(arguments)} values")
        return _first(enumerate(value), lambda number: arguments[int(number)], at)
    return None if arguments[0] is Any else _first(enumerate(value), lambda _: arguments[0], at)


def _first(items: Any, kind_of: Any, at: tuple[str, ...]) -> Mismatch | None:
    for name, item in items:
        if (kind := kind_of(name)) is Any:
            continue
        if (found := mismatch(item, kind, (*at, str(name)))) is not None:
            return found
    return None


@cache
def _generic(expected: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(expected), get_args(expected)


@cache
def _hints(record: type) -> Mapping[str, Any]:
    return get_type_hints(record)


def _is_scalar(value: Any, kind: Any) -> bool:
    if kind in (int, float):
        return isinstance(value, int | kind) and not isinstance(value, bool) and _is_finite(value)
    if kind is None:
        return value is None
    return isinstance(value, kind)


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _wanted(kind: Any, value: Any) -> str:
    """What is wanted of the value: of infinity and of ``nan``, that it is finite."""
    if kind is float and isinstance(value, int | float | str):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = 0.0 if isinstance(value, str) else math.inf
        if not math.isfinite(number):
            return "a finite number"
    return in_words(kind)
