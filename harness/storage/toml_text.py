"""What the standard library leaves out of TOML: writing it, and the line of a key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def line_of(text: str, key: Iterable[str | int]) -> int:
    """The line, from 1, on which a key of a TOML document begins.

    Numbers in the key, from 0, choose among the tables of an array.

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
            begun = _within(begun, name)
        if begun is not None:
            return whole + 1
        whole = count
    return len(lines)


def _within(value: Any, name: str | int) -> Any:
    if isinstance(name, int):
        return value[name] if isinstance(value, list) and name < len(value) else None
    return value.get(name) if isinstance(value, dict) else None


def write_toml(values: Mapping[str, Any], comment: str = "") -> str:
    """A TOML document: first the plain values, then the mappings as tables, and last the sequences
    of mappings as arrays of tables.

    Args:
        values: key -> text, finite number, flag, sequence of these, mapping to these, or a sequence
            of mappings to any of these.
        comment: one line at the top.
    """
    blocks = [[f"# {comment}"]] if comment else []
    plain, *tables = _blocks(values)
    if blocks and plain:
        blocks[0] += plain
    elif plain:
        blocks.append(plain)
    return "\n\n".join("\n".join(lines) for lines in (*blocks, *tables)) + "\n"


def _blocks(values: Mapping[str, Any], within: str = "") -> list[list[str]]:
    """Lines of the plain values, then those of each table, with its head."""
    tables = {name: v for name, v in values.items() if isinstance(v, Mapping)}
    arrays = {name: v for name, v in values.items() if _is_array_of_tables(v)}
    plain = {n: v for n, v in values.items() if n not in tables and n not in arrays}
    blocks = [[f"{_key(name)} = {_toml(value)}" for name, value in plain.items()]]
    for name, table in tables.items():
        path = within + _key(name)
        own, *inner = _blocks(table, f"{path}.")
        blocks += [[f"[{path}]", *own], *inner]
    for name, items in arrays.items():
        path = within + _key(name)
        for item in items:
            own, *inner = _blocks(item, f"{path}.")
            blocks += [[f"[[{path}]]", *own], *inner]
    return blocks


def _is_array_of_tables(value: Any) -> bool:
    return (
        not isinstance(value, str | Mapping)
        and isinstance(value, Sequence)
        and bool(value)
        and all(isinstance(item, Mapping) for item in value)
    )


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        # JSON's escapes are TOML's, but TOML wants one for DEL as well.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return f"[{', '.join(map(_toml, value))}]"
