"""What freezing saves: an epoch of each strategy, and the price of what is computed once."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runners import Trainee, Workshop
from benchmarks.timed import Timed

STEPS = 8
FROZEN = ("freeze8", "linear")


@pytest.mark.benchmark(group="frozen prefix: an epoch")
@pytest.mark.parametrize("strategy", ["full", *FROZEN])
def test_epoch(timed: Timed, workshop: Workshop, tmp_path: Path, strategy: str) -> None:
    """Activations of frozen layers are there already: the warm-up has left them."""
    trainee = workshop.trainee(f"ssl/dinov2_base@{strategy}", steps=STEPS, activations=tmp_path)
    timed(trainee.epoch, rounds=7, images=STEPS * trainee.batch_size, steps=STEPS)


@pytest.mark.benchmark(group="frozen prefix: the first epoch")
@pytest.mark.parametrize("strategy", FROZEN)
def test_first_epoch(timed: Timed, workshop: Workshop, tmp_path: Path, strategy: str) -> None:
    """Activations of every image are computed and kept before it."""
    numbers = count()

    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        folder = tmp_path / str(next(numbers))
        method = f"ssl/dinov2_base@{strategy}"
        return (workshop.trainee(method, steps=STEPS, activations=folder),), {}

    timed(Trainee.epoch, setup=fresh, rounds=5, steps=STEPS)
