"""The keys of a study: those of its file, of ``harness.run`` and of options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.errors import HarnessError
from harness.planning.params import columns_of
from harness.planning.study_files.request import request_of
from harness.planning.study_files.study_file import (
    SHORTHANDS,
    Key,
    StudyFile,
    checked,
    is_entry,
    table_of,
    unknown_key,
)
from harness.planning.study_files.study_runs import over
from harness.protocol import Protocol, preset
from harness.runtime.home import expanded
from harness.study import Request, Study

KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "plugins": Key("texts"),
        "exclude": Key("texts"),
        "plugin": Key("paths"),
        "only_plugins": Key("texts"),
        "disable_plugins": Key("texts"),
        "dataset": Key("text"),
        "data_root": Key("path"),
        "data_param": Key("table"),
        "column": Key("table"),
        "skip_bad": Key("flag"),
        "preset": Key("text"),
        "set": Key("table"),
        "param": Key("table"),
        "prompts": Key("path"),
        "weights": Key("path", words=("pretrained", "random")),
        "device": Key("text"),
        "precision": Key("text"),
        "micro_batch": Key("whole"),
        "compile": Key("flag"),
        "tf32": Key("flag"),
        "deterministic": Key("flag"),
        "time_only": Key("flag"),
        "seeds": Key("numbers"),
        "fractions": Key("numbers"),
        "split": Key("text"),
        "split_file": Key("path"),
        "folds": Key("whole"),
        "out": Key("path"),
        "name": Key("text"),
        "executor": Key("text"),
        "executor_param": Key("table"),
        "retries": Key("whole"),
        "on_interrupt": Key("text"),
        "jobs": Key("whole"),
        "threads": Key("whole"),
        "timeout": Key("time"),
        "device_memory": Key("size"),
        "activation_space": Key("size"),
        "keep_checkpoints": Key("text"),
        "log": Key("texts"),
    }
)
"""In the order in which a file is written."""


def values_of(given: Mapping[str, Any], file: StudyFile | None = None) -> dict[str, Any]:
    """The values of keys that are given in Python, over those of a study file.

    Args:
        given: key -> value as a study file has it, where a tuple, a range or a set is a list and a
            path need not be text; relative paths are below the working directory. None: not given.
        file: with one run.

    Raises:
        HarnessError: an unknown key, or a value of another type than its key wants.
    """
    values = {}
    for name, value in given.items():
        if name not in KEYS:
            raise HarnessError(f"no study key {name!r}{unknown_key(name, KEYS)}")
        if value is not None:
            values[name] = _value(name, _plain(value))
    return values if file is None else over(file.values, values)


def _value(name: str, value: Any) -> Any:
    if KEYS[name].kind != "table":
        return checked(name, value, KEYS[name], Path.cwd(), f"{name}=…")
    if not isinstance(value, Mapping) or not all(map(is_entry, value.values())):
        raise HarnessError(
            f"{name}=…: {name} = {value!r}: expected a dict of NAME to text, number or bool",
            about=name,
        )
    return dict(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | range | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    # A number of NumPy's is as good as one of Python's.
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value


def request_of_values(values: Mapping[str, Any]) -> Request:
    """The request that the values of keys make.

    Raises:
        HarnessError: an invalid value.
    """
    file = StudyFile(Path(), "", values)

    def of(name: str, otherwise: Any = None) -> Any:
        return values.get(name, otherwise)

    def folder(name: str, otherwise: Path | None = None) -> Path | None:
        return Path(values[name]) if name in values else otherwise

    out = folder("out", Path("results"))
    assert out is not None
    return request_of(
        # Its tables, and what is short for entries of them.
        study_file=file,
        patterns=of("plugins", ()),
        exclude=of("exclude", ()),
        dataset=of("dataset"),
        data_root=folder("data_root"),
        data_params=(),
        columns=(),
        skip_bad=of("skip_bad", False),
        preset_name=of("preset", "quick"),
        settings=(),
        params=(),
        weights=of("weights"),
        device=of("device", "auto"),
        precision=of("precision", "auto"),
        threads=of("threads"),
        micro_batch=None,
        compiled=False,
        tf32=False,
        deterministic=False,
        time_only=False,
        seeds=of("seeds", "0"),
        fractions=of("fractions", "1"),
        split=of("split", "standard"),
        split_file=folder("split_file"),
        folds=of("folds"),
        out=out,
        name=of("name"),
    )


def _absolute(value: Any) -> Any:
    """Text of a path, or of several, from anywhere; other values as they are."""
    if isinstance(value, tuple) and value and all(isinstance(item, Path) for item in value):
        return tuple(str(path.absolute()) for path in value)
    return str(value.absolute()) if isinstance(value, Path) else value


def _entry(value: Any) -> Any:
    """A field's value as ``[set]`` has it."""
    return "none" if value is None else value


def _lists(request: Request) -> dict[str, list[Any]]:
    """The values of every swept field."""
    return {
        field: list(dict.fromkeys(_entry(getattr(one, field)) for one in request.sweep))
        for field in request.swept
    }


def asked_again(given: Mapping[str, Any], request: Request, study: Study) -> dict[str, Any]:
    """The keys of a study file that asks for the same cells from anywhere on this machine.

    Args:
        given: key -> value, of those that are no tables and were given.
        request: the request that they make.
        study: the study of the request.
    """
    values = {
        name: _absolute(value)
        for name, value in given.items()
        if KEYS[name].kind != "table" and name not in SHORTHANDS
    }
    if request.weights not in (None, "pretrained", "random"):
        values["weights"] = str(expanded(str(request.weights), "--weights").absolute())
    columns, data_params = columns_of(request.data_params)
    named = preset(request.protocol.name)
    changed = {
        field.name: value
        for field in fields(Protocol)
        if (value := getattr(request.protocol, field.name)) != getattr(named, field.name)
    }
    values |= {
        "plugins": request.methods,
        "exclude": request.exclude,
        "dataset": study.cells[0].record["dataset"]["name"],
        "preset": named.name,
        "device": request.device,
        "seeds": request.seeds,
        "fractions": request.fractions,
        "out": str(request.out.absolute()),
        "name": study.directory.name,
        "set": {**{name: _entry(value) for name, value in changed.items()}, **_lists(request)},
        "param": table_of(request.params),
        "data_param": table_of(data_params),
        "column": table_of(columns),
    }
    return {name: values[name] for name in KEYS if values.get(name) not in (None, {}, ())}
