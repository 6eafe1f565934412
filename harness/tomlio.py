"""What the standard library leaves out of TOML: writing it, and the line of a key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any


def line_of(text: str, key: Iterable[str]) -> int:
    """The line, from 1, on which a key of a TOML document begins.

    A beginning of a document is itself one wherever it ends between two statements; the statement
    of the key is the one that makes it appear.
    """
    lines = text.split("\n")
    whole = 0
    for count in range(1, len(lines) + 1):
        try:
            begun: Any = tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        for name in key:
            begun = begun.get(name) if isinstance(begun, dict) else None
        if begun is not None:
            return whole + 1
        whole = count
    return len(lines)


def write_toml(values: Mapping[str, Any], comment: str = "") -> str:
    """A TOML document: first the plain values, then the mappings as tables.

    Args:
        values: key -> text, finite number, flag, sequence of these, or mapping to these.
        comment: one line at the top.
    """
    head = [f"# {comment}"] if comment else []
    tables = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    head += [f"{_key(n)} = {_toml(v)}" for n, v in values.items() if n not in tables]
    blocks = ["\n".join(head)] if head else []
    for name, table in tables.items():
        lines = [f"{_key(key)} = {_toml(value)}" for key, value in table.items()]
        blocks.append("\n".join((f"[{_key(name)}]", *lines)))
    return "\n\n".join(blocks) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        # JSON's escapes are TOML's, but TOML wants one for DEL as well.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return f"[{', '.join(map(_toml, value))}]"
