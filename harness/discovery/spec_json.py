"""Specs as JSON and back: how they travel from the process that a plugin is described in."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from harness.errors import SpecError
from harness.specs import Spec, to_json


def packed(spec: Spec, kind: type[Spec]) -> dict[str, Any]:
    """The fields of ``kind`` as plain JSON values: what a subclass adds stays behind."""
    return {field.name: to_json(getattr(spec, field.name)) for field in fields(kind)}


def unpacked(kind: type[Spec], value: Mapping[str, Any]) -> Spec:
    """The record that :func:`packed` made ``value`` of, checked again as it is constructed.

    Raises:
        SpecError: ``value`` holds no such record.
    """
    try:
        spec: Spec = _record(kind, value)
    except (TypeError, KeyError, AttributeError) as error:
        raise SpecError(f"{kind.__name__}: a description that cannot be read ({error})") from error
    return spec


def _record(kind: Any, value: Mapping[str, Any]) -> Any:
    hints = _hints(kind)
    return kind(**{name: _value(hints[name], item) for name, item in value.items()})


def _value(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if value is None:
        return None
    if origin in (Union, types.UnionType):
        return _value(next(a for a in arguments if a is not types.NoneType), value)
    if origin is tuple:
        return tuple(_value(arguments[0], item) for item in value)
    if origin is frozenset:
        return frozenset(value)
    if is_dataclass(kind):
        return _record(kind, value)
    return value


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
