"""What comparisons share: pictures, room for files, and the number of rounds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from benchmarks.peers.measure import Run, Seconds, interleave
from benchmarks.peers.peer import Peer, Training
from benchmarks.peers.pictures import Pictures
from benchmarks.peers.row import Agreement
from benchmarks.peers.workload import (
    State,
    Workload,
    distance,
    make_workload,
    validation_loss,
)

NUDGES = 3


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Everything that a comparison is given."""

    pictures: Pictures
    scratch: Path
    """A folder that goes when the benchmark ends."""
    rounds: int

    @property
    def workload(self) -> Callable[..., Workload]:
        """:func:`make_workload` on these pictures."""
        return partial(make_workload, self.pictures, self.scratch / "cache")

    def empty_folder(self, name: str) -> Path:
        """The folder of that name, with nothing of an earlier round left in it."""
        folder = self.scratch / "runs" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Peers that have trained the same workload side by side."""

    seconds: Mapping[str, tuple[Seconds, ...]]
    weights: Mapping[str, State]
    """After the last round."""
    accounts: Mapping[str, str]


def train_side_by_side(
    bench: Bench,
    workload: Workload,
    peers: Mapping[str, Peer],
    *,
    rounds: int | None = None,
    warm_up: bool = True,
) -> Trained:
    """Every peer trains the workload in every round, from the same initial weights."""
    last: dict[str, Training] = {}

    def contestant(name: str) -> Run:
        last.pop(name, None)
        last[name] = peers[name](workload, bench.empty_folder(name))
        return last[name].run

    seconds = interleave(
        {name: partial(contestant, name) for name in peers},
        rounds or bench.rounds,
        warm_up=warm_up,
    )
    return Trained(
        seconds=seconds,
        weights={name: dict(last[name].weights()) for name in peers},
        accounts={name: last[name].account() for name in peers},
    )


def agreements(
    bench: Bench, comparison: str, workload: Workload, peers: Mapping[str, Peer], trained: Trained
) -> Iterator[Agreement]:
    """How near every peer's weights are to those of the first.

    The first is trained again a few times, every initial weight changed by one unit in the last
    place, up or down. The farthest of these shows the noise below which no two programs can be
    expected to stay.
    """
    first, *_ = peers
    reference = trained.weights[first]
    nudged = [_trained_alone(bench, _nudged(workload, k), peers[first]) for k in range(NUDGES)]
    farthest = max(nudged, key=lambda weights: distance(weights, reference))
    for peer, weights in {**trained.weights, f"{first}, nudged": farthest}.items():
        yield Agreement(
            comparison=comparison,
            peer=peer,
            loss=validation_loss(workload, weights),
            apart=distance(weights, reference),
        )


def _trained_alone(bench: Bench, workload: Workload, peer: Peer) -> State:
    training = peer(workload, bench.empty_folder("control"))
    training.run()
    return dict(training.weights())


def _nudged(workload: Workload, seed: int) -> Workload:
    generator = torch.Generator().manual_seed(seed)

    def network(classes: int) -> nn.Module:
        module = workload.network(classes)
        with torch.no_grad():
            for parameter in module.parameters():
                up = torch.rand(parameter.shape, generator=generator) < 0.5
                parameter.copy_(torch.nextafter(parameter, torch.where(up, torch.inf, -torch.inf)))
        return module

    return replace(workload, network=network)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for torch's arithmetic in this process."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
