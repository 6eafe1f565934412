"""From a request to cells: what would run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

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
from harness.study import Request, Study

if TYPE_CHECKING:
    from harness.data.dataset import Dataset

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
    if request.split_file is not None:
        with about("split_file"):
            split = read_split(request.split_file, samples)
    else:
        with about("split"):
            split = make_split(samples, request.split)
    if spec.embedded:
        # The split of a made-up dataset is part of what it is, and no news.
        split = replace(split, notes=tuple(note for note in split.notes if note != OWN_SPLIT))
    name = request.name or default_name(
        request.out, spec.name, request.data_root, dataset.fingerprint, request.protocol.name
    )
    directory = request.out / name
    resolver = Resolver(request, plugins)
    offered_by = plugins.record(plugins.datasets[spec.name].plugin)
    code = plugin_code(spec.factory, offered_by.dist, offered_by.version)
    planner = Planner(request, resolver, spec, code, dataset, split, directory)
    cells = tuple(
        planner.cell(plugins.methods[method], seed, fraction)
        for method in ids
        for seed in request.seeds
        for fraction in request.fractions
    )
    refuse_unused(resolver.changes, ids, plugins)
    if resolver.absent:
        raise HarnessError("\n".join(resolver.absent), about="weights")
    return Study(
        directory=directory,
        cells=cells,
        dataset=dataset,
        samples=samples,
        split=split,
        notes=(*_taken(request, plugins), *_pretrained(request), *samples.notes, *split.notes),
    )


def _pretrained(request: Request) -> list[str]:
    """What published weights cannot mean for small networks, where they were asked for."""
    if request.weights != "pretrained" or not request.protocol.tiny:
        return []
    return [
        f"--weights pretrained: the small networks of {request.protocol.name} start from small "
        "weights of their own, or from random ones where they have none; the published weights "
        "are for the full networks of --preset paper"
    ]


def _taken(request: Request, plugins: Plugins) -> list[str]:
    """A note for each method that is named without its plugin."""
    chosen = taken((*request.methods, *request.exclude), plugins)
    return [f"{name} is taken as {full}" for name, full in chosen.items()]
