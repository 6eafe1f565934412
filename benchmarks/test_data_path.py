"""From files to batches."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.noise import noise
from benchmarks.peers.pictures import Pictures, write_pictures
from benchmarks.timed import Timed
from harness import IMAGENET_MEAN, IMAGENET_STD, Dataset, InputSpec
from harness.data.store.prepared import open_store
from harness.discovery.registry import Plugins
from harness.training.batches import Batches, load_part, shuffled
from harness.training.rows import Budget

BATCH = 32
PICTURES = 64


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    return write_pictures(tmp_path_factory.mktemp("pictures"), PICTURES)


@pytest.mark.benchmark(group="data path: an epoch of batches")
@pytest.mark.parametrize(("size", "images"), [(64, 2048), (224, 256)])
def test_batches(
    timed: Timed, plugins: Plugins, device: str, tmp_path: Path, size: int, images: int
) -> None:
    """Gathered, normalised, in three channels."""
    dataset = noise(images, size)
    store = open_store(dataset, size=size, interpolation="bilinear", cache=tmp_path)
    part = load_part(store, dataset.samples, np.arange(images), masks=False)
    spec = InputSpec(size=size, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    targets = {target.name: target for target in plugins.tasks["classification"].spec.targets}
    batches = Batches(part, spec, targets, Budget(torch.device(device)))
    order = shuffled(images, BATCH, seed=0)

    def epoch() -> None:
        for rows in order:
            batches.batch(rows)

    timed(epoch, rounds=15, warmup_rounds=2, images=images, size=size, batch_size=BATCH)


@pytest.mark.benchmark(group="data path: prepared store, 224 px")
def test_building_a_store(
    timed: Timed, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PNG files of 299 px, digested, decoded and resized."""
    rounds = count()

    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        cache = tmp_path / str(next(rounds))
        # Digests of files are remembered there too.
        monkeypatch.setenv("CXR_HARNESS_CACHE", str(cache))
        return (pictures.open(), cache), {}

    timed(_store, setup=fresh, rounds=5, images=PICTURES)


@pytest.mark.benchmark(group="data path: prepared store, 224 px")
def test_opening_a_store(timed: Timed, pictures: Pictures, tmp_path: Path) -> None:
    """One that is there already: its content is compared with its digests."""
    timed(_store, setup=lambda: ((pictures.open(), tmp_path), {}), rounds=20, images=PICTURES)


def _store(dataset: Dataset, cache: Path) -> None:
    open_store(dataset, size=224, interpolation="bilinear", cache=cache)
