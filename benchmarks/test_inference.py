"""Inference of one method per family: the network alone, and all that a prediction takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.clip_checkpoint import write_clip
from benchmarks.runners import TRAINED, Trainee, Workshop
from benchmarks.timed import Timed

CLIP = "clip/vit_l14@findings"
METHODS = (*TRAINED, CLIP)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, full: bool) -> Mapping[str, Path]:
    return write_clip(tmp_path_factory.mktemp("weights") / "clip", full=full)


@pytest.fixture(params=METHODS)
def trainee(
    request: pytest.FixtureRequest, workshop: Workshop, clip: Mapping[str, Path]
) -> Trainee:
    files = clip if request.param == CLIP else None
    return workshop.trainee(request.param, steps=2, files=files)


@pytest.mark.benchmark(group="inference: the network alone, one batch")
def test_network(timed: Timed, device: str, trainee: Trainee) -> None:
    run = trainee.runner.forward_fixed(trainee.batch_size)
    iterations = 2 if device == "cpu" else 10
    timed(run, rounds=10, iterations=iterations, images=trainee.batch_size)


@pytest.mark.benchmark(group="inference: one image")
def test_latency(timed: Timed, device: str, trainee: Trainee) -> None:
    iterations = 5 if device == "cpu" else 40
    timed(trainee.runner.forward_fixed(1), rounds=20, iterations=iterations, images=1)


@pytest.mark.benchmark(group="inference: predictions of a part")
def test_prediction(timed: Timed, trainee: Trainee) -> None:
    """Batches, network, activation, masks on their native grid, and back on the host."""
    trainee.epoch()
    timed(trainee.predict, rounds=10, images=2 * trainee.batch_size)
