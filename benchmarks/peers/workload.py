"""What every peer is given: the same pictures, network, initial weights, order and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Sampler

from benchmarks.peers.pictures import Pictures
from harness import IMAGENET_MEAN, IMAGENET_STD, Samples
from harness.data.store.prepared import Store, open_store
from harness.protocol import Protocol
from harness.seeds import derive_seed
from harness.training.batches import Part, load_part, shuffled

SEED = 0
WEIGHT_DECAY = 1e-6

State = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One training that all peers repeat."""

    pictures: Pictures
    samples: Samples
    store: Store
    """The pictures at the training's size, decoded."""
    train_rows: NDArray[np.int64]
    val_rows: NDArray[np.int64]
    network: Callable[[int], nn.Module]
    """Makes it for a number of classes."""
    settings: Protocol

    @property
    def classes(self) -> int:
        return len(self.samples.classes)

    def initial(self) -> nn.Module:
        """The network with the initial weights that all peers start from."""
        torch.manual_seed(SEED)
        return self.network(self.classes)

    def part(self, rows: NDArray[np.int64]) -> Part:
        """Decoded pictures in memory, and their labels."""
        return load_part(self.store, self.samples, rows, masks=False)

    def paths(self, rows: NDArray[np.int64]) -> list[Path]:
        return [self.pictures.path(self.samples.ids[row]) for row in rows]

    def labels(self, rows: NDArray[np.int64]) -> Tensor:
        """Class indices int64 [N]."""
        return torch.from_numpy(self.samples.labels[rows])

    def order(self, epoch: int) -> list[Tensor]:
        """The batches of an epoch, counted from 0: positions within the training part."""
        seed = derive_seed("order", SEED, epoch)
        return list(shuffled(len(self.train_rows), self.settings.batch_size, seed))

    def adam(self, network: nn.Module, *, fused: bool = False) -> torch.optim.Optimizer:
        """Adam with coupled weight decay, by default in the implementation that torch chooses."""
        return torch.optim.Adam(
            network.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            fused=True if fused else None,
        )


class Order(Sampler[int]):
    """Hands a DataLoader the order that the harness takes, a new one every time it is iterated.

    It costs what a shuffling DataLoader's own sampler costs: one permutation per epoch.
    """

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._epoch = 0
        self._count = len(torch.cat(workload.order(0)))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        yield from torch.cat(self._workload.order(self._epoch)).tolist()
        self._epoch += 1


def make_workload(
    pictures: Pictures,
    cache: Path,
    *,
    network: Callable[[int], nn.Module],
    size: int,
    batch_size: int,
    epochs: int,
    train: int,
    val: int,
    learning_rate: float = 1e-3,
) -> Workload:
    """The training of ``train`` pictures of ``size`` pixels, validated on ``val`` others."""
    dataset = pictures.open()
    rows = np.random.default_rng(SEED).permutation(len(dataset.samples))
    return Workload(
        pictures=pictures,
        samples=dataset.samples,
        store=open_store(dataset, size=size, interpolation="bilinear", cache=cache),
        train_rows=rows[:train],
        val_rows=rows[train : train + val],
        network=network,
        settings=Protocol(
            name="peers",
            image_size=size,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=WEIGHT_DECAY,
        ),
    )


def normalised(pixels: Tensor) -> Tensor:
    """uint8 [N, H, W] -> float32 [N, 3, H, W] with ImageNet's statistics."""
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (pixels.unsqueeze(1).float() / 255 - mean) / std


@torch.inference_mode()
def validation_loss(workload: Workload, weights: State) -> float:
    """Cross-entropy over the validation part: how far a peer has come, by one ruler for all."""
    network = workload.initial()
    network.load_state_dict(weights)
    part = workload.part(workload.val_rows)
    logits = network.eval()(normalised(torch.from_numpy(part.pixels)))
    return float(F.cross_entropy(logits, torch.from_numpy(part.labels)))


def distance(weights: State, others: State) -> float:
    """Euclidean distance of all weights and buffers, relative to the length of ``others``."""
    pairs = [(weights[name].double(), other.double()) for name, other in others.items()]
    apart = sum(float((a - b).square().sum()) for a, b in pairs)
    length = sum(float(b.square().sum()) for _, b in pairs)
    return (apart / length) ** 0.5
