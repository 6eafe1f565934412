"""The dataset that a user names, opened."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from harness.discovery.registry import Plugins
from harness.errors import HarnessError, about, did_you_mean
from harness.planning.params import with_data_params
from harness.runtime.resolve import resolve
from harness.runtime.surroundings import undisturbed
from harness.specs import DatasetSpec
from harness.storage.names import as_text, is_utf8

if TYPE_CHECKING:
    from harness.data.dataset import Dataset


_MOST_FILES = 50_000
"""Files under a folder that is still looked into: a guess must not take long."""


def find_dataset(
    plugins: Plugins, name: str | None, settings: Iterable[str] = (), option: str = "--dataset"
) -> DatasetSpec:
    """The named dataset, or the embedded one, with the parameters that ``settings`` change.

    Args:
        option: that names the dataset; empty where it is an argument.

    Raises:
        HarnessError: no such dataset or parameter.
    """
    if name is None:
        name = plugins.default_dataset().name
    if name not in plugins.datasets and _is_path(name):
        raise HarnessError(
            f"{as_text(name)!r} is a path and not the name of a dataset; give both: "
            f"{with_its_root(Path(name), plugins, option)}",
            about="dataset",
        )
    if name not in plugins.datasets:
        raise HarnessError(
            f"unknown dataset {name!r}{did_you_mean(name, plugins.datasets)}; "
            f"datasets: {', '.join(plugins.datasets)}",
            about="dataset",
        )
    return with_data_params(plugins.datasets[name].spec, settings)


def open_dataset(spec: DatasetSpec, root: Path | None) -> Dataset:
    """The dataset under ``root``.

    Raises:
        HarnessError: a root that is missing or not wanted, or bad content.
    """
    if spec.needs_root and root is None:
        raise HarnessError(
            f"dataset {spec.name!r} needs --data-root: the folder that holds its images",
            about="dataset",
        )
    if not spec.needs_root and root is not None:
        raise HarnessError(
            f"dataset {spec.name!r} is made by its plugin and takes no --data-root",
            about="data_root",
        )
    if root is not None and not is_utf8(str(root.resolve())):
        raise HarnessError(
            f"--data-root {as_text(str(root))}: the path is not UTF-8, so no record can hold it; "
            "rename the folder",
            about="data_root",
        )
    if root is not None and not root.is_dir():
        if not root.is_file():
            raise HarnessError(f"--data-root {root}: no such folder", about="data_root")
        if not spec.accepts_file:
            raise HarnessError(
                f"--data-root {root}: is a file; unpack it if it is an archive, and name "
                "the folder",
                about="data_root",
            )
    # What a factory does not like is most often the folder that it was given.
    with undisturbed(), about("dataset" if root is None else "data_root"):
        dataset: Dataset = resolve(spec.factory)(root, **spec.params)
    return dataset


def _is_path(name: str) -> bool:
    return os.sep in name or name.startswith("~") or (name != "" and Path(name).exists())


def with_its_root(root: Path, plugins: Plugins, option: str = "--dataset") -> str:
    """What to write for the path: its dataset and itself, with the datasets that can read it, or
    with the names of all where that is not known.

    Args:
        option: that names the dataset; empty where it is an argument.
    """
    where = as_text(shlex.quote(str(root)))
    found = _reading(root, plugins)
    before = f"{option} " if option else ""
    if found:
        return ", or ".join(f"{before}{name} --data-root {where}" for name in found)
    names = [name for name, entry in plugins.datasets.items() if entry.spec.needs_root]
    missing = "" if root.exists() else "no such file or folder; "
    return f"{before}NAME --data-root {where} ({missing}names: {', '.join(names)})"


def _reading(root: Path, plugins: Plugins) -> list[str]:
    """The datasets that can read the path."""
    if not root.exists() or len(list(islice(_files(root), _MOST_FILES))) == _MOST_FILES:
        return []
    found = []
    for name, entry in plugins.datasets.items():
        if entry.spec.needs_root:
            try:
                open_dataset(entry.spec, root)
            except Exception:  # Whatever a plugin's code raises, it does not read this.
                continue
            found.append(name)
    return found


def _files(root: Path) -> Iterator[str]:
    for _, _, names in os.walk(root):
        yield from names


def mapped_root(given: Path | None) -> tuple[Path | None, Path | None]:
    """The dataset's folder here, and where other machines have it: ``HERE=THERE`` as a path.

    A path that exists as it is written is no pair.
    """
    if given is None or "=" not in str(given) or given.exists():
        return given, None
    here, _, there = str(given).partition("=")
    return Path(here), Path(there).absolute()
