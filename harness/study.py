"""From a request to cells: what would run, named by everything that can change its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import HarnessError
from harness.protocol import (
    Protocol,
    did_you_mean,
)
from harness.runtime.surroundings import undisturbed
from harness.specs import DatasetSpec, TaskSpec

if TYPE_CHECKING:
    from harness.data.dataset import Dataset, Samples
    from harness.data.splits.make import Split
    from harness.discovery.registry import Plugins

    Admit = Callable[[DatasetSpec, Dataset], Dataset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks for."""

    methods: tuple[str, ...] = ("all",)
    exclude: tuple[str, ...] = ()
    dataset: str | None = None
    data_root: Path | None = None
    data_params: tuple[str, ...] = ()
    """Changes to the dataset's parameters, as
    :func:`harness.planning.params.with_data_params` reads them."""
    skip_bad: bool = False
    """Whether to go on without files that have errors."""
    protocol: Protocol
    weights: str | None = None
    """``pretrained``, ``random``, a folder, or None for the protocol's."""
    device: str = "cpu"
    """Resolved: ``cpu``, ``cuda`` or ``cuda:N``."""
    precision: str = "auto"
    threads: int | None = None
    """Per cell; None: one on a CPU, and a share of the cores on a GPU."""
    params: tuple[str, ...] = ()
    """Changes to methods' parameters, as :func:`harness.planning.params.parse` reads them."""
    seeds: tuple[int, ...] = (0,)
    fractions: tuple[float, ...] = (1.0,)
    split: Literal["standard", "study"] = "standard"
    split_file: Path | None = None
    out: Path = Path("results")
    name: str | None = None
    """Of the study's folder; as :func:`harness.planning.study_name.default_name` has it unless
    given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One method, dataset, protocol, seed and train fraction."""

    id: str
    """The method's full id."""
    name: str
    """``seed0-frac100-<hash12>``"""
    directory: Path
    record: Mapping[str, Any]
    """What ``cell.json`` will hold; see ``docs/results-schema.md``."""
    blocked: tuple[str, str] | None = None
    """(status, reason) of a cell that cannot run here."""
    missing_weights: bool = False
    """Blocked for want of files that a network might still bring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A request, resolved."""

    directory: Path
    cells: tuple[Cell, ...]
    dataset: Dataset
    samples: Samples
    split: Split
    notes: tuple[str, ...]
    dropped: Mapping[str, tuple[Cell, ...]] = field(default_factory=dict)
    """Plugin -> the cells that its ``harness_select_cells`` has left out."""


def find_dataset(plugins: Plugins, name: str | None, settings: Iterable[str] = ()) -> DatasetSpec:
    """The named dataset, or the embedded one, with the parameters that ``settings`` change.

    Raises:
        HarnessError: no such dataset or parameter.
    """
    from harness.planning.params import with_data_params

    if name is None:
        name = plugins.default_dataset().name
    if name not in plugins.datasets:
        raise HarnessError(
            f"unknown dataset {name!r}{did_you_mean(name, plugins.datasets)}; "
            f"datasets: {', '.join(plugins.datasets)}"
        )
    return with_data_params(plugins.datasets[name].spec, settings)


def open_dataset(spec: DatasetSpec, root: Path | None) -> Dataset:
    """The dataset under ``root``.

    Raises:
        HarnessError: a root that is missing or not wanted, or bad content.
    """
    from harness.data.sources.names import as_text, is_utf8
    from harness.discovery.registry import resolve

    if spec.needs_root and root is None:
        raise HarnessError(
            f"dataset {spec.name!r} needs --data-root: the folder that holds its images"
        )
    if not spec.needs_root and root is not None:
        raise HarnessError(f"dataset {spec.name!r} is made by its plugin and takes no --data-root")
    if root is not None and not is_utf8(str(root.resolve())):
        raise HarnessError(
            f"--data-root {as_text(str(root))}: the path is not UTF-8, so no record can hold it; "
            "rename the folder"
        )
    if root is not None and not root.is_dir():
        if not root.is_file():
            raise HarnessError(f"--data-root {root}: no such folder")
        if not spec.accepts_file:
            raise HarnessError(
                f"--data-root {root}: is a file; unpack it if it is an archive, and name the folder"
            )
    with undisturbed():
        dataset: Dataset = resolve(spec.factory)(root, **spec.params)
    return dataset


def plan(request: Request, plugins: Plugins, admit: Admit | None = None) -> Study:
    """Every cell of the request, in a fixed order; nothing is trained or written.

    Args:
        admit: is given the dataset and returns the one to use, e.g. without its bad files.

    Raises:
        HarnessError: anything in the request that cannot be meant.
    """
    from harness.data.splits.make import make_split, read_split
    from harness.discovery.select import select
    from harness.planning.methods import Resolver
    from harness.planning.params import refuse_unused
    from harness.planning.planner import Planner
    from harness.planning.study_name import default_name

    ids = select(request.methods, request.exclude, plugins)
    spec = find_dataset(plugins, request.dataset, request.data_params)
    dataset = open_dataset(spec, request.data_root)
    if admit is not None:
        dataset = admit(spec, dataset)
    samples = dataset.samples
    if request.split_file is not None:
        split = read_split(request.split_file, samples)
    else:
        split = make_split(samples, request.split)
    name = request.name or default_name(
        request.out, spec.name, request.data_root, dataset.fingerprint, request.protocol.name
    )
    directory = request.out / name
    resolver = Resolver(request, plugins)
    planner = Planner(request, resolver, spec, dataset, split, directory)
    cells = tuple(
        planner.cell(plugins.methods[method], seed, fraction)
        for method in ids
        for seed in request.seeds
        for fraction in request.fractions
    )
    refuse_unused(resolver.changes, ids, plugins)
    if resolver.absent:
        raise HarnessError("\n".join(resolver.absent))
    return Study(
        directory=directory,
        cells=cells,
        dataset=dataset,
        samples=samples,
        split=split,
        notes=(*samples.notes, *split.notes),
    )


def needs_masks(task: TaskSpec) -> bool:
    """Whether an image without a reference mask is of no use to the task."""
    return all(target.kind == "binary-mask" for target in task.targets)
