"""Where the channels lie in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from harness import InputSpec, Problem, TargetSpec, TorchMethod
from harness.protocol import QUICK
from harness.training.clock import Clock
from harness.training.fit.runner import Setting
from harness.training.fit.torch_runner import TorchRunner
from harness.training.frozen.placement import Sharing
from harness.training.memory_format import channels_last

PROBLEM = Problem(
    task="classification",
    targets={
        "label": TargetSpec(
            name="label",
            kind="classes",
            names=("dark", "bright"),
            loss="harness.tasks.losses:cross_entropy",
            activation="softmax",
        )
    },
    image_size=8,
    weights="random",
    weights_files={},
    seed=0,
)


class Plain(TorchMethod):
    """Remembers how the images that it was given lie."""

    @property
    def input(self) -> InputSpec:
        return InputSpec(size=8, mean=(0.5,) * 3, std=(0.25,) * 3)

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        self.last = images.is_contiguous(memory_format=torch.channels_last)
        return {"label": module(images)}


class Convolutional(Plain):
    convolutional = True


def run(method: Plain, folder: Path, asked: bool | None) -> tuple[bool, bool]:
    """Whether the weights and the images lie with the channels last."""
    runner = TorchRunner(
        method,
        Setting(
            problem=PROBLEM,
            protocol=replace(QUICK, channels_last=asked),
            device="cpu",
            threads=1,
            precision="fp32",
            seed=0,
            directory=folder,
            clock=Clock(),
            report=lambda line: None,
            mask_grid=None,
            sharing=Sharing(cache=folder, facts={}),
        ),
    )
    runner.build()
    runner.forward_fixed(2)()
    weight = runner.network()[1][0].weight
    return weight.is_contiguous(memory_format=torch.channels_last), method.last


@pytest.mark.parametrize(
    ("method", "asked", "expected"),
    [
        (Plain, None, False),
        (Plain, True, True),
        (Convolutional, None, True),
        (Convolutional, False, False),
    ],
)
def test_on_a_cpu_convolutional_methods_have_the_channels_last_unless_told(
    method: type[Plain], asked: bool | None, expected: bool, tmp_path: Path
) -> None:
    assert run(method(PROBLEM), tmp_path, asked) == (expected, expected)


@pytest.mark.parametrize("method", [Plain, Convolutional])
def test_on_a_gpu_it_is_the_precision_that_decides(method: type[Plain]) -> None:
    for precision, expected in (("fp32", False), ("bf16", True), ("fp16", True)):
        assert channels_last(method(PROBLEM), QUICK, "cuda:1", precision) == expected
        told = replace(QUICK, channels_last=not expected)
        assert channels_last(method(PROBLEM), told, "cuda:1", precision) != expected
