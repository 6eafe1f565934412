"""What ``cell.json`` repeats of specs and of a run's request, as far as it is read again."""

from __future__ import annotations

from typing import TypedDict

Scalar = str | bool | int | float | None
"""What a field of a protocol can be."""


class CardRecord(TypedDict):
    """What reports say of a weights card; its other fields come with these."""

    pretraining_method: str
    pretraining_data: str
    labels_used: bool
    licence: str


class TargetRecord(TypedDict):
    """A target of a task."""

    name: str
    kind: str
    names: list[str]
    loss: str
    activation: str


class _Task(TypedDict):
    name: str


class TaskRecord(_Task, total=False):
    """The task's spec."""

    targets: list[TargetRecord]
    primary: list[str]
    summary: str


class LeftOut(TypedDict):
    """Ids of what a run did without."""

    images: list[str]
    masks: list[str]
    """Of images that stay."""
