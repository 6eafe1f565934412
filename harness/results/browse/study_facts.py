"""What a study's folder remembers of its runs, as far as it is read again."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, cast

from harness.results.shape import check_shape, check_values
from harness.storage.json_files import read_json


class RunDataset(TypedDict):
    """What a run was on; its other fields come with these."""

    root: str | None
    fingerprint: str


class _Run(TypedDict):
    dataset: RunDataset


class RunRecord(_Run, total=False):
    """One of the runs; its other fields come with these."""

    asked: str


class StudyFacts(TypedDict, total=False):
    """``study.json``. Older ones lack the runs."""

    runs: list[RunRecord]


def read_study(path: Path) -> StudyFacts:
    """The ``study.json`` at ``path``; HarnessError where it is missing or damaged."""
    value = read_json(path)
    check_values(path, value)
    check_shape(path, value, StudyFacts)
    return cast("StudyFacts", value)
