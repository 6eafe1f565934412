"""A method whose epochs take a while, and that says when it trains one."""

import os
import time
from pathlib import Path

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_methods():
    for name in ("a", "b", "c"):
        yield harness.MethodSpec(
            name=name,
            factory="slow_plugin:slow",
            task="classification",
            summary="A linear layer that takes its time",
            family="slow",
            params={"seconds": 0.2},
        )


def slow(problem, seconds):
    from torch import nn

    class Slow(harness.TorchMethod):
        def build(self):
            size = 3 * self.problem.image_size**2
            return nn.Sequential(nn.Flatten(), nn.Linear(size, len(self.problem.classes)))

        def loss(self, module, batch):
            time.sleep(seconds)
            if folder := os.environ.get("SLOW_TRACES"):
                Path(folder, f"{time.time_ns()}-{os.getpid()}").touch()
            return super().loss(module, batch)

    return Slow(problem)
