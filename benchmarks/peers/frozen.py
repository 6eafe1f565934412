"""What freezing saves: the harness against itself, activations at the boundary included."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers import ours
from benchmarks.peers.bench import Bench, train_side_by_side
from benchmarks.peers.measure import cpu_ratio, wall_ratio
from benchmarks.peers.networks import tiny
from benchmarks.peers.peer import Training
from benchmarks.peers.row import Row
from benchmarks.peers.workload import Workload
from harness import TorchMethod
from harness.runtime.resolve import resolve

ENCODER = {
    "encoder": "dinov2",
    "patch": 8,
    "width": 192,
    "heads": 3,
    "layer_scale": 0.1,
    "probe_lr_scale": 1.0,
}
"""A DINOv2 of 12 blocks, a quarter as wide: arithmetic still takes nearly all of the time."""
TARGETS = {"freeze8": 0.38, "linear": 1 / 40}
MOST_ROUNDS = 3
"""A round takes a minute."""


def freezing(bench: Bench) -> Iterator[Row]:
    """20 epochs of each strategy; one thread."""
    workload = bench.workload(network=tiny, size=64, batch_size=16, epochs=20, train=64, val=16)
    peers = {name: partial(_prepare, name) for name in ("full", *TARGETS)}
    trained = train_side_by_side(
        bench, workload, peers, rounds=min(bench.rounds, MOST_ROUNDS), warm_up=False
    )
    full = trained.seconds["full"]
    for name, target in TARGETS.items():
        taken = trained.seconds[name]
        yield Row(
            comparison="frozen",
            what=f"20 epochs of {name} / of full, ViT of 12 blocks and width 192 at 64 px",
            value=wall_ratio(taken, full),
            cpu=cpu_ratio(taken, full),
            target=target,
            note=trained.accounts[name],
        )


def _prepare(strategy: str, workload: Workload, folder: Path) -> Training:
    offered = ours.offers()
    parameters: dict[str, Any] = {"strategy": strategy, **ENCODER}
    factory = resolve("harness_ssl.models:Classifier")
    method: TorchMethod = factory(ours.problem(workload, offered.task), **parameters)
    return ours.train(method, workload, folder, offered)
