"""Published studies that datasets declare, read from their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.discovery.registry import Plugins
from harness.errors import HarnessError, did_you_mean
from harness.planning.published.conditions import asked
from harness.provenance import package_file
from harness.report.published.study import Published, PublishedRow, PublishedTable
from harness.storage.json_files import read_json

SCHEMA = 1


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
        raise HarnessError(
            f"{path}: is not a published study of schema {SCHEMA} ({error!r})"
        ) from error


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
