"""What is compared, and what is to be reached."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from unittest.mock import patch

from benchmarks.peers import bare, course, ours
from benchmarks.peers.bench import Bench, agreements, threads, train_side_by_side
from benchmarks.peers.measure import Run, Seconds, cpu_ratio, interleave, wall_ratio
from benchmarks.peers.networks import resnet18, tiny
from benchmarks.peers.row import Agreement, Row
from benchmarks.peers.startup import startup
from benchmarks.peers.workload import Workload
from harness.data.store.prepared import open_store
from harness.training.batches import Batches
from harness.training.rows import Budget

CORES = os.cpu_count() or 1
SLOW_LEARNING = 5e-5
"""At a higher rate, ResNet-18 from random weights magnifies rounding until nothing agrees."""
DATA_EPOCHS = 4
"""Passes over the data in one timed run of the harness's data path, which would be too short."""

Found = Iterator[Row | Agreement]


def against_bare(bench: Bench) -> Found:
    """What the harness costs where arithmetic takes the time; one thread."""
    workload = bench.workload(
        network=resnet18,
        size=64,
        batch_size=16,
        epochs=3,
        train=640,
        val=64,
        learning_rate=SLOW_LEARNING,
    )
    peers = {"bare": bare.prepare, "harness": ours.prepare}
    trained = train_side_by_side(bench, workload, peers)
    harness, other = trained.seconds["harness"], trained.seconds["bare"]
    yield Row(
        comparison="bare",
        what="epoch of the harness / of the bare loop, ResNet-18 at 64 px",
        value=wall_ratio(harness, other),
        cpu=cpu_ratio(harness, other),
        target=1.02,
        note=trained.accounts["harness"],
    )
    yield from agreements(bench, "ResNet-18", workload, peers, trained)


def against_frameworks(bench: Bench) -> Found:
    """What each way adds to a step of 2 ms; one thread."""
    from benchmarks.peers import hf_loop, lightning_loop

    workload = bench.workload(network=tiny, size=64, batch_size=16, epochs=5, train=480, val=64)
    peers = {
        "bare": bare.prepare,
        "harness": ours.prepare,
        "lightning": lightning_loop.prepare,
        "hf": hf_loop.prepare,
    }
    trained = train_side_by_side(bench, workload, peers)
    harness = trained.seconds["harness"]
    titles = {"lightning": "Lightning Trainer", "hf": "HF Trainer", "bare": "the bare loop"}
    for name, title in titles.items():
        yield Row(
            comparison="frameworks",
            what=f"epoch of the harness / of {title}, tiny network at 64 px",
            value=wall_ratio(harness, trained.seconds[name]),
            cpu=cpu_ratio(harness, trained.seconds[name]),
            target=None if name == "bare" else 1.0,
            note=trained.accounts["harness"] if name == "bare" else "",
        )
    yield from agreements(bench, "tiny network, 64 px", workload, peers, trained)


def against_course(bench: Bench) -> Found:
    """A training that waits for its data; the whole machine for both."""
    workload = bench.workload(network=tiny, size=224, batch_size=32, epochs=2, train=640, val=128)
    peers = {"course": course.prepare, "harness": ours.prepare}
    with threads(CORES):
        trained = train_side_by_side(bench, workload, peers)
    yield Row(
        comparison="course",
        what="epoch of the harness / of the course loop, tiny network at 224 px",
        value=wall_ratio(trained.seconds["harness"], trained.seconds["course"]),
        target=0.25,
        note=trained.accounts["harness"],
    )
    yield from agreements(bench, "tiny network, 224 px", workload, peers, trained)


def data_path(bench: Bench) -> Found:
    """Normalised float RGB batches, and nothing done with them; the whole machine for both."""
    workload = _all_pictures(bench)
    images = len(course.Order(workload))
    offered = ours.offers()
    method = ours.SameNetwork(ours.problem(workload, offered.task), workload)

    def ready() -> Run:
        part = workload.part(workload.train_rows)
        batches = Batches(part, method.input, method.problem.targets, Budget(ours.CPU))

        def run() -> None:
            for epoch in range(DATA_EPOCHS):
                for rows in workload.order(epoch):
                    batches.batch(rows)

        return run

    with threads(CORES):
        taken = interleave(
            {"course": lambda: _course_epoch(workload), "harness": ready}, bench.rounds
        )
    yield Row(
        comparison="data",
        what="images/s of the harness's data path / of the course loop's, 224 px",
        value=wall_ratio(taken["course"], taken["harness"], DATA_EPOCHS),
        target=8.0,
        at="least",
        note=f"{_rate(images, taken['course'])} and "
        f"{_rate(images * DATA_EPOCHS, taken['harness'])} images/s",
    )


def building_the_store(bench: Bench) -> Found:
    """Files to store, their digests included, against one pass of the course loop over them."""
    workload = _all_pictures(bench)
    size = workload.settings.image_size

    def building() -> Run:
        cache = bench.empty_folder("store")
        dataset = workload.pictures.open()

        def run() -> None:
            with patch.dict(os.environ, {"CXR_HARNESS_CACHE": str(cache)}):
                open_store(dataset, size=size, interpolation="bilinear", cache=cache)

        return run

    with threads(CORES):
        taken = interleave(
            {"course": lambda: _course_epoch(workload), "harness": building}, bench.rounds
        )
    stored, loaded = len(workload.samples), len(course.Order(workload))
    yield Row(
        comparison="store",
        what="building the store / one pass of the course loop's data path, 224 px",
        value=wall_ratio(taken["harness"], taken["course"], loaded / stored),
        target=0.4,
        note=f"{_rate(stored, taken['harness'])} and {_rate(loaded, taken['course'])} images/s",
    )


def _all_pictures(bench: Bench) -> Workload:
    count = len(bench.pictures.open().samples)
    return bench.workload(network=tiny, size=224, batch_size=32, epochs=1, train=count, val=0)


def _course_epoch(workload: Workload) -> Run:
    loader = course.train_loader(workload)

    def run() -> None:
        for _ in loader:
            pass

    return run


def _rate(images: int, taken: tuple[Seconds, ...]) -> str:
    return f"{images / sorted(seconds.wall for seconds in taken)[len(taken) // 2]:,.0f}"


def starting(bench: Bench) -> Found:
    """What a user waits for before anything begins."""
    yield from startup(bench.rounds)


def freezing(bench: Bench) -> Found:
    """The frozen prefix, computed once."""
    from benchmarks.peers.frozen import freezing

    yield from freezing(bench)


def prompts(bench: Bench) -> Found:
    """CLIP's image embeddings, computed once."""
    from benchmarks.peers.prompts import prompt_sets

    yield from prompt_sets(bench, CORES)


def levers(bench: Bench) -> Found:
    """The defaults, each beside what it was chosen over."""
    from benchmarks.peers.levers import levers

    yield from levers(bench, CORES)


COMPARISONS: Mapping[str, Callable[[Bench], Found]] = MappingProxyType(
    {
        "bare": against_bare,
        "data": data_path,
        "course": against_course,
        "frameworks": against_frameworks,
        "store": building_the_store,
        "frozen": freezing,
        "startup": starting,
        "prompts": prompts,
        "levers": levers,
    }
)
SLOW = frozenset({"prompts", "levers"})
