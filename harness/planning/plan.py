"""From a request to cells: what would run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.data.splits.folds import OWN_IGNORED, make_folds, notes_of
from harness.data.splits.make import OWN_SPLIT, make_split, read_split
from harness.discovery.registry import Plugins
from harness.discovery.select import select, taken
from harness.errors import HarnessError, about
from harness.planning.datasets import find_dataset, open_dataset, with_its_root
from harness.planning.methods import Resolver
from harness.planning.params import refuse_unused
from harness.planning.planner import Planner
from harness.planning.study_name import default_name
from harness.provenance import plugin_code
from harness.specs import DatasetSpec
from harness.study import Cell, Request, Study

if TYPE_CHECKING:
    from harness.data.dataset import Dataset, Samples
    from harness.data.splits.folds import Fold
    from harness.data.splits.split import Split

    Admit = Callable[[DatasetSpec, Dataset], Dataset]


def plan(request: Request, plugins: Plugins, admit: Admit | None = None) -> Study:
    """Every cell of the request, in a fixed order; nothing is trained or written.

    Args:
        admit: takes the dataset and returns the one to use, e.g. without its bad files.

    Raises:
        HarnessError: anything invalid in the request.
    """

    ids = select(request.methods, request.exclude, plugins)
    spec = find_dataset(plugins, request.dataset, request.data_params)
    if request.dataset is None and request.data_root is not None and not spec.needs_root:
        raise HarnessError(
            f"--data-root alone: dataset {spec.name!r}, the default, takes no --data-root; give "
            f"both: {with_its_root(request.data_root, plugins)}",
            about="data_root",
        )
    dataset = open_dataset(spec, request.data_root)
    if admit is not None:
        dataset = admit(spec, dataset)
    samples = dataset.samples
    folds = _splits(request, samples)
    if spec.embedded:
        # The split of a made-up dataset is part of what it is, and no news.
        folds = [(fold, _without(split, (OWN_SPLIT, OWN_IGNORED))) for fold, split in folds]
    name = request.name or default_name(
        request.out, spec.name, request.data_root, dataset.fingerprint, request.protocol.name
    )
    directory = request.out / name
    resolvers = [
        Resolver(replace(request, protocol=protocol), plugins) for protocol in request.protocols
    ]
    offered_by = plugins.record(plugins.datasets[spec.name].plugin)
    code = plugin_code(spec.factory, offered_by.dist, offered_by.version)
    planners = [
        Planner(request, resolver, spec, code, dataset, split, directory, fold)
        for resolver in resolvers
        for fold, split in folds
    ]
    cells = [
        planner.cell(plugins.methods[method], seed, fraction)
        for method in ids
        for seed in request.seeds
        for planner in planners
        for fraction in request.fractions
    ]
    refuse_unused(resolvers[0].changes, ids, plugins)
    if absent := list(dict.fromkeys(text for one in resolvers for text in one.absent)):
        raise HarnessError("\n".join(absent), about="weights")
    once: dict[str, Cell] = {}
    for cell in cells:
        once.setdefault(cell.key, cell)  # Values of a sweep may come to the same for a method.
    return Study(
        directory=directory,
        cells=tuple(once.values()),
        dataset=dataset,
        samples=samples,
        splits=tuple(split for _, split in folds),
        notes=(
            *_taken(request, plugins),
            *_pretrained(request),
            *_fixed(request, cells),
            *samples.notes,
            *notes_of(folds),
        ),
    )


def _splits(request: Request, samples: Samples) -> list[tuple[Fold | None, Split]]:
    """The one split that the request asks for, or its folds."""
    if request.folds is not None:
        with about("folds"):
            return list(make_folds(samples, request.folds))
    if request.split_file is not None:
        with about("split_file"):
            return [(None, read_split(request.split_file, samples))]
    with about("split"):
        return [(None, make_split(samples, request.split))]


def _without(split: Split, notes: Sequence[str]) -> Split:
    return replace(split, notes=tuple(note for note in split.notes if note not in notes))


def _pretrained(request: Request) -> list[str]:
    """What published weights cannot mean for small networks, where they were asked for."""
    if request.weights != "pretrained" or not request.protocol.tiny:
        return []
    return [
        f"--weights pretrained: the small networks of {request.protocol.name} start from small "
        "weights of their own, or from random ones where they have none; the published weights "
        "are for the full networks of --preset paper"
    ]


def _fixed(request: Request, cells: Iterable[Cell]) -> list[str]:
    """Methods that state a swept field themselves: no value of the sweep reaches them."""
    fixed: dict[str, list[str]] = {}
    for cell in cells:
        for field in request.swept:
            if field in cell.record["deviations"]:
                fixed.setdefault(cell.method, []).append(field)
    return [
        f"{method} has its own {' and '.join(dict.fromkeys(fields))}: the sweep does not reach it"
        for method, fields in fixed.items()
    ]


def _taken(request: Request, plugins: Plugins) -> list[str]:
    """A note for each method that is named without its plugin."""
    chosen = taken((*request.methods, *request.exclude), plugins)
    return [f"{name} is taken as {full}" for name, full in chosen.items()]
