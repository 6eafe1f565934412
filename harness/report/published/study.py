"""Studies that others have published on a dataset: how to run them here, and what they reported.

``docs/reproduce.md`` describes the file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MINUTES = "minutes_per_epoch"
"""The one value of a row that is not a metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """A line of a published table, and the method here that answers to it."""

    label: str
    method: str | None
    """Full id; None where no method is known to be the same."""
    fraction: float
    """Of the training data."""
    values: Mapping[str, float]
    """``target.metric`` or ``minutes_per_epoch`` -> the published value."""
    images: int | None = None
    """That the values are of, where these are not the study's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    title: str
    notes: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    also: Mapping[str, str]
    """Metrics of ours that are shown as well -> the sentence that says why no difference is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a cell is to be run with."""

    protocol: Mapping[str, Any]
    """That the method is trained by, its own deviations applied."""
    params: Mapping[str, Any]
    """Those that are changed -> the value used."""
    weights: str
    """What it starts from: ``pretrained``, ``random`` or ``directory``."""
    digest: str | None
    """Of the published weights; a folder of the user's may hold the same."""
    selected_on_test: bool | None
    """None where a split file says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A study: its protocol in words, the commands that repeat it, and its tables."""

    name: str
    dataset: str
    title: str
    protocol: tuple[str, ...]
    epochs: int
    arguments: tuple[str, ...]
    """Of ``harness run``, for every one of ``runs``."""
    arguments_on_cuda: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]
    tables: tuple[PublishedTable, ...]
    images: int | None
    """How many test images its values are of; None where unknown."""
    decimals: int
    """Of its printed values."""
    pixels: Mapping[str, int]
    """Metrics that depend on the size of the images -> pixels per side of the published ones."""
    train_images: int | None = None
    """How many all of its training images were; None where that is not known."""
    asked: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    """Method -> what each of ``runs`` that selects it asks of it."""

    def commands(self, *, device: str, extra: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Arguments of ``harness`` for every run, ``extra`` last so that they win."""
        on_cuda = self.arguments_on_cuda if device.startswith("cuda") else ()
        common = ("--dataset", self.dataset, *self.arguments, "--name", self.name, *on_cuda)
        return [("run", *run, *common, "--device", device, *extra) for run in self.runs]
