"""A method that breaks a promise is a failed row with its reason; it never becomes a number."""

from __future__ import annotations

import json

import pytest

from tests.cli_tools import TINY, harness, write_plugin

LIGHT = """
    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_methods():
        for name in (
            "sums", "bare", "scribbles", "leaves", "vanishes", "sorts", "infinite",
            "writes", "narrow", "wide", "honest",
        ):
            yield harness.MethodSpec(
                name=name,
                factory=f"harness_promises_models:{name.capitalize()}",
                task="classification",
                family="promises",
                summary="A method for tests",
            )
"""

MODELS = """
    import os
    import sys

    import numpy as np
    import torch
    from torch import nn

    import harness


    class Sums:
        def __init__(self, problem):
            self.classes = len(problem.classes)

        def skip(self):
            return None

        def fit(self, train, val, context):
            pass

        def predict(self, images):
            return {"label": np.full((len(images), self.classes), 0.9, np.float32)}

        def save(self, directory):
            pass

        def load(self, directory):
            pass


    class Bare(Sums):
        def predict(self, images):
            return super().predict(images)["label"]


    class Scribbles(Sums):
        def fit(self, train, val, context):
            val.labels[:] = 0


    class Leaves(Sums):
        def fit(self, train, val, context):
            sys.exit()


    class Vanishes(Sums):
        def fit(self, train, val, context):
            os._exit(0)


    class Honest(harness.TorchMethod):
        norm = nn.GroupNorm

        def build(self):
            norm = nn.BatchNorm2d(8) if self.norm is nn.BatchNorm2d else nn.GroupNorm(2, 8)
            net = nn.Sequential(nn.Conv2d(3, 8, 3, 4), norm, nn.ReLU())
            net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten()])
            return net.append(nn.Linear(8, len(self.problem.classes)))

        def forward(self, module, images):
            return {"label": module(images)}


    class Sorts(Honest):
        def forward(self, module, images):
            logits = module(images)
            return {"label": logits if module.training else logits.sort(0).values}


    class Infinite(Honest):
        def forward(self, module, images):
            logits = module(images)
            if not module.training:
                logits[:, 0] = -torch.inf
            return {"label": logits}


    class Writes(Honest):
        batches = 0

        def forward(self, module, images):
            # Training, its validation and a check take six batches of this run; predictions come
            # later.
            self.batches += 1
            if self.batches > 7:
                module[0].weight.data.add_(0.01)
            return super().forward(module, images)


    class Narrow(Honest):
        def forward(self, module, images):
            if module.training:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return super().forward(module, images)


    class Wide(Narrow):
        norm = nn.BatchNorm2d
"""


@pytest.fixture(scope="module")
def statuses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("promises")
    plugins = write_plugin(folder / "site", "promises", LIGHT, MODELS)
    steps = ("--set", "batch_size=16", "--set", "learning_rate=0.001")
    done = harness("run", "--plugins", "promises", *TINY, *steps, cwd=folder, plugins=plugins)
    assert done.returncode == 1, done.stderr
    return {
        path.parents[2].name.removeprefix("promises--"): json.loads(path.read_text())
        for path in (folder / "results").rglob("status.json")
    }


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("honest", "ok", ""),
        ("bare", "failed", "returned a value of type ndarray; expected a mapping with an array"),
        ("scribbles", "failed", "assignment destination is read-only"),
        ("leaves", "failed", "its code called sys.exit()"),
        ("vanishes", "failed", "its process ended with code 0 and left no status"),
        ("sorts", "failed", "predicts something else of an image when others are in the batch"),
        ("infinite", "failed", "logits that are not finite"),
        ("sums", "failed", "probabilities that sum to 3.6 over the classes of an image"),
        ("writes", "failed", "0.weight changed after training"),
        ("narrow", "oom", "--micro-batch with a smaller number: the gradients add up to the same"),
        ("wide", "oom", "has batch normalisation, which then sees fewer images at a time"),
    ],
)
def test_the_reason_names_the_promise(
    statuses: dict[str, dict], method: str, status: str, reason: str
) -> None:
    assert statuses[method]["status"] == status
    assert reason in statuses[method]["reason"]
