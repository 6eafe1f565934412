"""Training steps of one method per family that is trained."""

from __future__ import annotations

import pytest

from benchmarks.runners import TRAINED, Workshop
from benchmarks.timed import Timed


@pytest.mark.benchmark(group="training: an epoch of few steps")
@pytest.mark.parametrize("method", TRAINED)
def test_training(timed: Timed, workshop: Workshop, device: str, method: str) -> None:
    """The training loop's own steps: batch, forward, loss, backward, Adam."""
    steps = 4 if device == "cpu" else 20
    trainee = workshop.trainee(method, steps=steps)
    images = steps * trainee.batch_size
    timed(trainee.epoch, rounds=7, images=images, steps=steps, batch_size=trainee.batch_size)
