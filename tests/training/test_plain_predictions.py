"""What a method that trains itself predicts, on its way to a prediction file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness import Problem
from harness.bundled import harness_tasks
from harness.protocol import QUICK
from harness.training.clock import Clock
from harness.training.fit.plain_runner import CHUNK, PlainRunner
from harness.training.fit.runner import Setting
from harness.training.frozen.placement import Sharing
from tests.trainings import make_part

TASKS = {task.name: task for task in harness_tasks()}


class Reusing:
    """Predicts the brightness of each image, always in the same array."""

    def __init__(self) -> None:
        self._room = np.zeros((CHUNK, 2), dtype=np.float32)

    def predict(self, images: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        bright = images.mean((1, 2)) / 255
        room = self._room[: len(images)]
        room[:] = np.stack([1 - bright, bright], axis=1)
        return {"label": room}


def test_a_method_may_write_every_prediction_into_the_same_array(tmp_path: Path) -> None:
    count = CHUNK + 20
    pixels = np.full((count, 32, 32), 51, dtype=np.uint8)
    pixels[CHUNK:] = 204
    method: Any = Reusing()
    setting = Setting(
        problem=Problem.of_task(TASKS["classification"], ("dark", "bright"), image_size=32, seed=0),
        protocol=QUICK,
        device="cpu",
        threads=1,
        precision="fp32",
        seed=0,
        directory=tmp_path,
        clock=Clock(),
        report=lambda line: None,
        mask_grid=None,
        sharing=Sharing(cache=tmp_path, facts={}),
    )
    part = make_part(pixels, np.arange(count) % 2)
    found = PlainRunner(method, setting).predict(part).probabilities
    assert found is not None
    assert found[:CHUNK, 1] == pytest.approx(0.2)
    assert found[CHUNK:, 1] == pytest.approx(0.8)
