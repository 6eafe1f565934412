"""What people write for fields of the protocol: short options, other names, units."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from types import MappingProxyType

from harness.errors import HarnessError
from harness.planning.other_tools import instead
from harness.planning.units import duration, number_of_pixels
from harness.protocol import Protocol

SHORT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "epochs": ("--epochs",),
        "batch_size": ("--batch-size",),
        "learning_rate": ("--lr", "--learning-rate"),
        "weight_decay": ("--weight-decay",),
        "image_size": ("--image-size", "--size"),
    }
)
"""Field -> the options that are short for ``--set FIELD=VALUE``."""

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        option.removeprefix("--").replace("-", "_"): field
        for field, options in SHORT.items()
        for option in options
    }
)
_FIELDS = frozenset(field.name for field in fields(Protocol)) - {"name", "weights"}
TEXT = frozenset({"select_by"})
"""Fields whose value may hold commas."""
_UNITS: Mapping[str, Callable[[str, str, str], float]] = MappingProxyType(
    {
        "image_size": number_of_pixels,
        "probe_seconds": duration,
    }
)
"""Field -> what reads its value where that has a unit."""


def read_settings(settings: Iterable[str]) -> tuple[str, ...]:
    """Settings ``KEY=VALUE`` as :func:`harness.protocol.override` takes them: names of options
    become fields (``lr``), values with a unit plain numbers (``512px``, ``2m``).

    Raises:
        HarnessError: a value that has no such unit, or a key that the protocol fixes or that is
            called otherwise here; says why, or how.
    """
    return tuple(map(_read, settings))


def field_of(name: str) -> str:
    """The field of the protocol that a setting's name means: ``lr`` is ``learning_rate``."""
    plain = name.strip().replace("-", "_")
    return _NAMES.get(plain, plain)


def pieces(field: str, text: str) -> list[str]:
    """The values of a setting, where several are given for one field: with commas between them,
    or as a list of JSON. A field of text has one value, commas and all."""
    if field in TEXT:
        return [text]
    try:
        listed = json.loads(text)
    except ValueError:
        listed = None
    if isinstance(listed, list) and listed:
        return [one if isinstance(one, str) else json.dumps(one) for one in listed]
    return text.split(",")


def nearly(name: str, known: Iterable[str]) -> bool:
    """Whether the name is one of the known ones but for a slip of the fingers."""
    import difflib  # Of use only once something is wrong.

    return bool(difflib.get_close_matches(name, list(known), n=1, cutoff=0.85))


def other_place(key: str) -> str | None:
    """Where to write what a study has no key for: a field of the protocol, or what another tool
    calls otherwise; None for any other key."""
    name = key.replace("-", "_")
    field = _NAMES.get(name, name)
    if field in _FIELDS:
        return f"{field} is a field of the protocol; write it in the table 'set'"
    return instead(name)


def _read(setting: str) -> str:
    said, equals, text = setting.partition("=")
    name = said.strip().replace("-", "_")
    field = field_of(said)
    about = f"set.{said}"
    if not equals:
        return setting
    if field not in _FIELDS and not nearly(name, _FIELDS) and (hint := instead(name)):
        raise HarnessError(f"--set {setting}: {hint}", about=about)
    if field in _UNITS:
        text = ",".join(_number(field, said, one, about) for one in pieces(field, text))
    return f"{field if name in _NAMES else said}={text}"


def _number(field: str, said: str, text: str, about: str) -> str:
    """The text, without its unit where it has one."""
    if not re.match(r"\s*[\d.]+\s*[a-zA-Z]", text):
        return text
    return f"{_UNITS[field](f'--set {said}', text, about):.12g}"


def with_short(short: Mapping[str, tuple[str, str]], settings: Iterable[str]) -> tuple[str, ...]:
    """The settings, and those that short options stand for.

    Args:
        short: field -> the option as it was written (``--epochs 5``), and the field's value.
        settings: of ``--set``.

    Raises:
        HarnessError: an option and ``--set`` say different values of one field.
    """
    settings = tuple(settings)
    said: dict[str, tuple[str, str]] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        said[field_of(name)] = (setting, value)
    for field, (written, value) in short.items():
        if field in said and _plain(field, said[field][1]) != _plain(field, value):
            raise HarnessError(
                f"{written} and --set {said[field][0]}: both set {field}; keep one",
                about=f"set.{field}",
            )
    return (*(f"{field}={value}" for field, (_, value) in short.items()), *settings)


def _plain(field: str, text: str) -> float | str:
    """The value without its unit, by which two that mean the same are equal."""
    value = _read(f"{field}={text}").partition("=")[2].strip().lower()
    try:
        return float(value)
    except ValueError:
        return value
