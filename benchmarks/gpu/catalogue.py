"""The methods to measure, by the modules of the bundled plugins: entry points need installing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness import HarnessError, MethodSpec, TaskSpec
from harness.bundled import harness_tasks

TRAINED = ("supervised", "ssl", "segmentation", "multitask")
"""Plugins all of whose methods are trained by the harness's loop."""
CLIP = "clip/vit_l14@photo"
"""Stands for all prompt sets, which differ in a few vectors."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A method and the task that it solves."""

    id: str
    spec: MethodSpec
    task: TaskSpec


def catalogue() -> Mapping[str, Entry]:
    """Full id -> every method that the harness trains, and CLIP."""
    tasks = {task.name: task for task in harness_tasks()}
    return {name: Entry(name, spec, tasks[spec.task]) for name, spec in _offered()}


def _offered() -> Iterator[tuple[str, MethodSpec]]:
    for plugin in (*TRAINED, "clip"):
        module = importlib.import_module(f"harness_{plugin}")
        for spec in module.harness_methods():
            name = f"{plugin}/{spec.name}"
            if plugin in TRAINED or name == CLIP:
                yield name, spec


def chosen(patterns: Sequence[str]) -> list[Entry]:
    """The methods that match any of the patterns (an id, or a glob on ids); all without patterns.

    Each item may hold several patterns, separated by commas.

    Raises:
        HarnessError: a pattern that matches none.
    """
    entries = catalogue()
    patterns = [pattern.strip() for item in patterns for pattern in item.split(",")]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in entries):
            raise HarnessError(
                f"pattern {pattern!r} matches none of the methods: {', '.join(entries)}"
            )
    wanted = patterns or ("*",)
    return [
        entry
        for name, entry in entries.items()
        if any(fnmatchcase(name, pattern) for pattern in wanted)
    ]
