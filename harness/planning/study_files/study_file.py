"""Study files: a long command line in TOML; errors name the line.

The caller gives the keys (:class:`Key`); this module knows nothing of the command line. Relative
paths in a file are relative to the file.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from harness.errors import HarnessError, did_you_mean
from harness.execution.study_folder import NAME
from harness.planning.study_files.protocol_options import nearly, other_place
from harness.planning.study_files.study_runs import RUN, over
from harness.planning.units import duration
from harness.runtime.home import expanded
from harness.storage.toml_text import line_of
from harness.values.check import fits, value_of

SHORTHANDS = ("micro_batch", "compile", "tf32", "deterministic", "time_only")
"""Keys that are short for an entry of ``[set]``."""

EXECUTOR, PARAMS = "executor", "executor_param"
"""Keys that ``[executor]`` says together."""

Kind = Literal[
    "text", "texts", "numbers", "size", "whole", "time", "flag", "path", "paths", "table"
]

_TYPES: Mapping[Kind, Any] = {
    "text": str,
    "texts": str | list[str],
    "numbers": float | list[float] | str,
    "size": int | str,
    "whole": int,
    "time": float | str,
    "flag": bool,
    "path": str,
    "paths": str | list[str],
}
"""What TOML reads of a value of each kind; of a table, each entry is an :data:`_Entry`."""
_Entry = str | bool | float | list[Any]

_EXPECTED: Mapping[Kind, str] = {
    "text": "text in quotes",
    "texts": 'text in quotes, or a list of texts: ["a", "b"]',
    "numbers": "a number, or a list of numbers: [0, 1, 2]",
    "size": 'a number of bytes, or text with a unit: "8GB"',
    "whole": "a whole number",
    "time": 'a number of seconds, or text with a unit: "10m"',
    "flag": "true or false",
    "path": "a path in quotes",
    "paths": 'a path in quotes, or a list of them: ["a", "b"]',
    "table": "a table of NAME = VALUE",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a study file may have, and what its value must be."""

    kind: Kind
    words: tuple[str, ...] = ()
    """Values of a path that are words and not paths."""


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A study file whose keys are known and whose values are of the right types."""

    path: Path
    """As given, for messages."""
    text: str
    values: Mapping[str, Any]
    """Key -> text, number, flag, path, tuple of texts (of a list), or mapping (of a table). In a
    file with several runs, those that all of them share."""
    own: tuple[Mapping[str, Any], ...] = ()
    """What each ``[[run]]`` says itself."""
    run: int | None = None
    """Which of them this is."""

    @property
    def runs(self) -> tuple[StudyFile, ...]:
        """One per run, with the shared values; the file itself where it has no ``[[run]]``."""
        if self.run is not None or not self.own:
            return (self,)
        return tuple(
            replace(self, values=over(self.values, own), run=number)
            for number, own in enumerate(self.own)
        )

    def settings(self, table: str, replaced: Iterable[str] = ()) -> tuple[str, ...]:
        """A table as ``NAME=VALUE``, in its order; empty where the file has none.

        Args:
            replaced: settings of the command line, whose names are left out.
        """
        names = {name_of(table, setting) for setting in replaced}
        return tuple(
            f"{name}={_word(value)}"
            for name, value in self.values.get(table, {}).items()
            if name_of(table, name) not in names
        )

    def at(self, *key: str) -> str:
        """``study.toml, line 4``: where the key, or the key of a table, begins."""
        if key[0] == PARAMS and not _has(tomllib.loads(self.text), (PARAMS,)):
            key = (EXECUTOR, *key[1:])
        place: tuple[str | int, ...] = key
        if self.run is not None and _has(self.own[self.run], key):
            place = (RUN, self.run, *key)
        return f"{self.path}, line {line_of(self.text, place)}"


def read_study_file(path: Path, keys: Mapping[str, Key]) -> StudyFile:
    """The study file at ``path``, or the ``study.toml`` in the folder ``path``.

    Raises:
        HarnessError: there is no such file, it is not TOML, a key is unknown, or a value is of
            another type than its key wants; names the line.
    """
    if path.is_dir():
        if not (path / NAME).exists():
            raise HarnessError(
                f"{path}: holds no {NAME}; a folder of images is given as --dataset NAME "
                f"--data-root {path}"
            )
        path = path / NAME
    text = _read(path)
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HarnessError(_no_toml(path, text, str(error))) from error
    file = StudyFile(path, text, {})
    runs = found.pop(RUN, [])
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise HarnessError(f"{file.at(RUN)}: write a table [[{RUN}]] for each run")
    values = _values(file, found, keys)
    # While their values are read, mistakes are looked for where the run says them.
    raw = replace(file, own=tuple(runs))
    own = [_values(replace(raw, run=number), run, keys) for number, run in enumerate(runs)]
    return StudyFile(path, text, values, tuple(own))


def _values(file: StudyFile, found: Mapping[str, Any], keys: Mapping[str, Key]) -> dict[str, Any]:
    folder = file.path.absolute().parent
    values: dict[str, Any] = {}
    for name, value in found.items():
        if name == EXECUTOR and isinstance(value, dict):
            values |= _executor(file, value)
            continue
        if name not in keys:
            what = "table" if isinstance(value, dict) else "key"
            raise HarnessError(f"{file.at(name)}: no {what} {name!r}{unknown_key(name, keys)}")
        values[name] = _value(file, name, value, keys[name], folder)
    return values


def _executor(file: StudyFile, table: Mapping[str, Any]) -> dict[str, Any]:
    """``[executor]`` as its two keys: ``name`` and, of all others, parameters."""
    name = table.get("name")
    if not isinstance(name, str):
        raise HarnessError(
            f'{file.at(EXECUTOR)}: [{EXECUTOR}] needs its name: name = "process"', about=EXECUTOR
        )
    others = {key: value for key, value in table.items() if key != "name"}
    return {EXECUTOR: name, **({PARAMS: _table(file, EXECUTOR, others)} if others else {})}


def unknown_key(name: str, keys: Mapping[str, Key]) -> str:
    """The end of a message about a key that is none of ``keys``: where or how to write it."""
    place = None if nearly(name, keys) or "set" not in keys else other_place(name)
    if place is not None:
        return f": {place}"
    return f"{did_you_mean(name, keys)}; keys: {', '.join(keys)}"


def _has(value: Any, key: Iterable[str]) -> bool:
    for name in key:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        meant = "" if path.suffix else f"; to choose methods, write --plugins {path}"
        raise HarnessError(f"{path}: no such study file{meant}") from error
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise HarnessError(f"{path}: is not UTF-8 text (byte {error.start})") from error


def _no_toml(path: Path, text: str, said: str) -> str:
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    if place is None:
        return f"{path}: is not valid TOML: {said}"
    line = place[1] or len(text.split("\n"))
    return f"{path}, line {line}: is not valid TOML: {said[: place.start()]}"


def _value(file: StudyFile, name: str, value: Any, key: Key, folder: Path) -> Any:
    if key.kind == "table":
        return _table(file, name, value)
    return checked(name, value, key, folder, file.at(name))


def checked(name: str, value: Any, key: Key, folder: Path, where: str) -> Any:
    """The value of a key that is no table, as :attr:`StudyFile.values` holds it.

    Args:
        folder: what relative paths are below.
        where: the value's place, for messages.

    Raises:
        HarnessError: it is of another type than its key wants.
    """
    if value == [] or not fits(value, _TYPES[key.kind]):
        expected = _EXPECTED[key.kind]
        raise HarnessError(f"{where}: {name} = {_shown(value)}: expected {expected}", about=name)
    if key.kind == "texts":
        return (value,) if isinstance(value, str) else tuple(value)
    if key.kind == "numbers" and not isinstance(value, str):
        return ",".join(map(repr, value if isinstance(value, list) else [value]))
    if key.kind == "paths":
        paths = [value] if isinstance(value, str) else value
        return tuple(str(folder / expanded(path, where)) for path in paths)
    if key.kind == "path" and value not in key.words:
        return str(folder / expanded(value, where))
    if key.kind == "time" and isinstance(value, str):
        return duration(f"{where}: {name} =", value, name)
    return str(value) if key.kind == "size" else value


def is_entry(value: Any) -> bool:
    """Whether a table may have the value."""
    return fits(value, _Entry)


def _table(file: StudyFile, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise HarnessError(f"{file.at(name)}: {name} = {_shown(value)}: expected a table [{name}]")
    for key, item in value.items():
        if isinstance(item, dict):
            inner = next(iter(item), "NAME")
            joint = "." if name in (EXECUTOR, PARAMS) else ":"
            raise HarnessError(
                f"{file.at(name, key)}: [{name}] {key} holds a table; "
                f'write one quoted key: "{key}{joint}{inner}" = …'
            )
        if not is_entry(item):
            raise HarnessError(
                f"{file.at(name, key)}: [{name}] {key} = {_shown(item)}: expected text in quotes, "
                "a number, true or false"
            )
    return value


def name_of(table: str, setting: str) -> str:
    """The name in ``NAME=VALUE``, by which entries of a table replace each other."""
    name = setting.partition("=")[0].strip()
    return name.replace("-", "_") if table == "set" else name


def _shown(value: Any) -> str:
    return "{…}" if isinstance(value, dict) else json.dumps(value, default=str, ensure_ascii=False)


def _word(value: Any) -> str:
    """A value as the command line writes it: JSON, and text without quotes."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def table_of(settings: Iterable[str]) -> dict[str, Any]:
    """The table whose :meth:`StudyFile.settings` mean the same as these settings ``NAME=VALUE``.

    Of settings with equal names the last one counts, in its place.
    """
    table: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        table.pop(name, None)
        value = value_of(text)
        plain = fits(value, bool | float)
        table[name] = value if plain and json.dumps(value) == text else text
    return table


def executor_settings(file: StudyFile | None, given: tuple[str, ...]) -> tuple[str, ...]:
    """Changes to the executor's parameters: of the file, and those of the command line, which win
    one by one."""
    return (*(() if file is None else file.settings(PARAMS, given)), *given)


def protocol_settings(file: StudyFile | None, replaced: Iterable[str]) -> tuple[str, ...]:
    """What the file changes in the protocol, as ``--set`` takes it.

    Args:
        replaced: settings of the command line, which win over the file's.
    """
    if file is None:
        return ()
    replaced = tuple(replaced)
    short = {name: file.values[name] for name in SHORTHANDS if name in file.values}
    if short.get("time_only"):
        short["probe_seconds"] = "none"
    names = {name_of("set", setting) for setting in replaced}
    lower = {name: str(value).lower() for name, value in short.items() if name not in names}
    return (*(f"{name}={value}" for name, value in lower.items()), *file.settings("set", replaced))
