"""All runs into a study's folder, in one study file.

Runs that differ in nothing but methods, seeds or fractions are one run that asks for all of them.
Others follow each other in the file, as ``[[run]]``, and what they have in common is above them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.storage.toml_text import write_toml

RUN = "run"
"""Name of the array of tables, one per run."""

AXES = ("plugins", "seeds", "fractions")
"""Keys whose values are lists that every combination of is run."""

HOW = (
    "executor",
    "executor_param",
    "retries",
    "on_interrupt",
    "jobs",
    "timeout",
    "device_memory",
    "activation_space",
    "keep_checkpoints",
    "log",
)
"""Keys that say how cells are run and change no result: those of the last run count."""

WHERE = ("out", "name")
"""Keys that name the study's folder, which may have moved since an earlier run."""

COMMENT = "Written by harness run; 'harness run' with this file repeats {what}."

Run = dict[str, Any]


def with_run(run: Mapping[str, Any], text: str | None, path: Path) -> str:
    """The study file that asks for what an earlier one asks for, and for one run more.

    Args:
        run: key of a study file -> value.
        text: the existing file, or None. It is returned unchanged, comments and all, where it
            asks for the run already.
        path: of the file, for messages.

    Raises:
        HarnessError: ``text`` is not TOML.
    """
    added: Run = tomllib.loads(write_toml(run))
    if text is None:
        return written([added])
    try:
        found = runs_of(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise HarnessError(
            f"{path}: is not valid TOML: {error}; repair it, or delete it to keep only this run"
        ) from error
    moved = [{**old, **{key: added[key] for key in WHERE if key in added}} for old in found]
    merged = _joined(moved, added)
    return text if merged == found else written(merged)


def runs_of(parsed: Mapping[str, Any]) -> list[Run]:
    """Every run of a study file in full: what is above them counts for all."""
    common = {key: value for key, value in parsed.items() if key != RUN}
    return [over(common, own) for own in parsed.get(RUN, [{}])]


def over(common: Mapping[str, Any], own: Mapping[str, Any]) -> Run:
    """A run's own keys over the common ones; tables entry by entry."""
    tables = {
        key: {**common[key], **value}
        for key, value in own.items()
        if isinstance(value, Mapping) and isinstance(common.get(key), Mapping)
    }
    return {**common, **own, **tables}


def written(runs: Sequence[Run]) -> str:
    """The study file of these runs."""
    if len(runs) == 1:
        return write_toml(runs[0], comment=COMMENT.format(what="it"))
    first, *others = runs
    common = {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }
    own = [{key: value for key, value in run.items() if key not in common} for run in runs]
    return write_toml({**common, RUN: own}, comment=COMMENT.format(what=f"its {len(runs)} runs"))


def _joined(runs: Sequence[Run], added: Run) -> list[Run]:
    for position, old in enumerate(runs):
        if (joined := _one(old, added)) is None:
            continue
        # What it has grown to may hold others, or be held by them.
        others = [run for place, run in enumerate(runs) if place != position]
        wider = _joined(others, joined)
        if len(wider) == len(others):
            return wider
        return [*runs[:position], joined, *runs[position + 1 :]]
    return [*runs, added]


def _one(old: Run, new: Run) -> Run | None:
    """One run that asks for exactly what the two ask for, in the way of the new one; None where
    there is none."""
    if _what(old) != _what(new):
        return None
    differing = [axis for axis in AXES if not _holds(old.get(axis), new.get(axis))]
    lacking = [axis for axis in AXES if not _holds(new.get(axis), old.get(axis))]
    if not differing:
        axes = old
    elif not lacking:
        axes = new
    elif {*differing, *lacking} == {differing[0]}:
        axis = differing[0]
        axes = {**old, axis: _union(old[axis], new[axis])}
    else:
        return None
    order = [*old, *(key for key in new if key not in old)]
    how = {key: new[key] for key in (*HOW, "device") if key in new}
    merged = {**old, **{axis: axes[axis] for axis in AXES if axis in axes}, **how}
    dropped = [key for key in HOW if key not in new]
    return {key: merged[key] for key in order if key in merged and key not in dropped}


def _what(run: Run) -> Run:
    """What decides which cells a run has, but for the axes."""
    kept = {key: value for key, value in run.items() if key not in (*AXES, *HOW)}
    if "device" in kept:
        kept["device"] = str(kept["device"]).partition(":")[0]
    return kept


def _items(values: Any) -> list[Any]:
    listed = values if isinstance(values, list) else [] if values is None else [values]
    return [
        part.strip() if isinstance(part, str) else part
        for value in listed
        for part in (value.split(",") if isinstance(value, str) else [value])
    ]


def _holds(one: Any, other: Any) -> bool:
    """Whether a list asks for everything that another asks for."""
    items = _items(one)
    return "all" in items or all(item in items for item in _items(other))


def _union(one: Any, other: Any) -> list[Any]:
    return list(dict.fromkeys([*_items(one), *_items(other)]))
