"""Conditions on rows: ``--filter``.

    CONDITION = COLUMN OPERATOR VALUE
    OPERATOR  = "=" | "==" | "!=" | "<" | "<=" | ">" | ">="

A column's name may hold operators itself, as one of a class may: of those that fit, the longest is
meant. Text is compared with a glob, numbers as numbers in the column's unit. What is unknown meets
no condition but ``COLUMN=`` (is unknown).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType

from harness.errors import HarnessError
from harness.report.table.catalogue import find
from harness.report.table.column import Column, Value
from harness.report.table.rows import Row

Condition = Callable[[Row], bool]

_SAME: Mapping[str, str] = MappingProxyType({"==": "="})
"""What programmers write -> the operator."""
_NUMBERS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {
        "=": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
)
_REST = re.compile(r"\s*(?P<sign>!=|<=|>=|==|=|<|>)\s*(?P<value>.*?)\s*\Z")
_SHAPE = re.compile(r"\s*(?P<name>[^=!<>]+?)" + _REST.pattern)


def condition(text: str, known: Mapping[str, Column]) -> Condition:
    """The condition that ``text`` states.

    Raises:
        HarnessError: no condition, an unknown column, or a comparison that does not suit it.
    """
    column, sign, wanted = _parts(text, known)
    if wanted == "" and sign in ("=", "!="):
        return lambda row: (column.value(row) is None) == (sign == "=")
    about = _about_text if column.left else _about_number
    return about(text, column, sign, wanted)


def _parts(text: str, known: Mapping[str, Column]) -> tuple[Column, str, str]:
    given = text.lstrip()
    for name in sorted(known, key=len, reverse=True):
        if given.startswith(name) and (rest := _REST.match(given, len(name))):
            return known[name], _sign(rest), rest["value"]
    parts = _SHAPE.match(text)
    if parts is None:
        raise HarnessError(
            f"--filter {text!r}: write COLUMN=VALUE, or !=, <, <=, >, >= instead of ="
        )
    return find(parts["name"], known, f"--filter {text!r}"), _sign(parts), parts["value"]


def _sign(parts: re.Match[str]) -> str:
    return _SAME.get(parts["sign"], parts["sign"])


def _about_text(text: str, column: Column, sign: str, wanted: str) -> Condition:
    if sign not in ("=", "!="):
        raise HarnessError(f"--filter {text!r}: {column.name} is text; use = or !=")

    def meets(row: Row) -> bool:
        value = column.value(row)
        return value is not None and fnmatchcase(as_text(value), wanted) == (sign == "=")

    return meets


def _about_number(text: str, column: Column, sign: str, wanted: str) -> Condition:
    try:
        bound = float(wanted)
    except ValueError:
        raise HarnessError(
            f"--filter {text!r}: {column.name} is numeric; {wanted!r} is not a number"
        ) from None
    compare = _NUMBERS[sign]

    def meets(row: Row) -> bool:
        return any(compare(value, bound) for value in column.numbers([row]))

    return meets


def chosen(
    rows: Sequence[Row], conditions: Sequence[str], known: Mapping[str, Column]
) -> list[Row]:
    """The rows that meet all conditions.

    Raises:
        HarnessError: a condition cannot be read, or no row is left.
    """
    left = list(rows)
    for text in conditions:
        meets = condition(text, known)
        kept = [row for row in left if meets(row)]
        if left and not kept:
            raise HarnessError(f"--filter {text!r}: no row is left; {_there(text, left, known)}")
        left = kept
    return left


def _there(text: str, rows: Sequence[Row], known: Mapping[str, Column]) -> str:
    """What the rows have in the column of a condition."""
    column = _parts(text, known)[0]
    values = dict.fromkeys(map(column.value, rows))
    words = ["unknown" if value is None else as_text(value) for value in values]
    shown = ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")
    return f"{column.name} is {shown}"


def as_text(value: Value) -> str:
    """A known value as CSV and conditions write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
