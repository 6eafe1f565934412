"""Studies that others have published on a dataset: how to run them here, and what they reported.

``docs/reproduce.md`` describes the file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.planning.published_conditions import Asked, asked
from harness.protocol import did_you_mean
from harness.provenance import package_file
from harness.storage.json_files import read_json

SCHEMA = 1
MINUTES = "minutes_per_epoch"
"""The one value of a row that is no metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """A line of a published table, and the method here that answers to it."""

    label: str
    method: str | None
    """Full id; None where no method is known to be the same."""
    fraction: float
    """Of the training data."""
    values: Mapping[str, float]
    """``target.metric`` or ``minutes_per_epoch`` -> the published figure."""
    images: int | None = None
    """That the figures are of, where these are not the study's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    title: str
    notes: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    also: Mapping[str, str]
    """Metrics of ours that are shown as well -> the sentence that says why no difference is."""


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
    """How many its figures are of; None where that is not known."""
    decimals: int
    """Of its printed figures."""
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


def find_published(plugins: Plugins, name: str) -> Published:
    """The study of that name among those that datasets declare.

    Raises:
        HarnessError: there is none, or its file is broken.
    """
    known = {
        Path(reference.partition(":")[2]).stem: (dataset, reference)
        for dataset, entry in plugins.datasets.items()
        for reference in entry.spec.published
    }
    if name not in known:
        raise HarnessError(
            f"no published study {name!r}{did_you_mean(name, known)}; "
            f"studies: {', '.join(sorted(known)) or 'none'}"
        )
    dataset, reference = known[name]
    path = package_file(reference)
    value = read_json(path)
    try:
        return _published(name, dataset, value, plugins)
    except (KeyError, TypeError, ValueError) as error:
        raise HarnessError(f"{path}: no published study of schema {SCHEMA} ({error!r})") from error


def _published(name: str, dataset: str, value: Mapping[str, Any], plugins: Plugins) -> Published:
    if value["schema"] != SCHEMA:
        raise ValueError(f"schema {value['schema']}")
    arguments = tuple(value["arguments"])
    runs = tuple(tuple(run["arguments"]) for run in value["runs"])
    return Published(
        name=name,
        dataset=dataset,
        title=value["title"],
        protocol=tuple(value["protocol"]),
        epochs=int(value["epochs"]),
        arguments=arguments,
        arguments_on_cuda=tuple(value["arguments_on_cuda"]),
        runs=runs,
        tables=tuple(
            PublishedTable(
                title=table["title"],
                notes=tuple(table["notes"]),
                rows=tuple(map(_row, table["rows"])),
                also=MappingProxyType(dict(table.get("also", {}))),
            )
            for table in value["tables"]
        ),
        images=_count(value.get("images")),
        decimals=int(value.get("decimals", 4)),
        pixels=MappingProxyType({k: int(n) for k, n in value.get("pixels", {}).items()}),
        train_images=_count(value.get("train_images")),
        asked=MappingProxyType(asked(arguments, runs, plugins)),
    )


def _row(value: Mapping[str, Any]) -> PublishedRow:
    return PublishedRow(
        label=value["label"],
        method=value.get("method"),
        fraction=float(value.get("fraction", 1.0)),
        values=MappingProxyType({key: float(figure) for key, figure in value["values"].items()}),
        images=_count(value.get("images")),
    )


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
