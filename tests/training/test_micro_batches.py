"""Micro-batches add up to the batch; where batch normalisation keeps them from it, that is said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness import InputSpec, Problem, Stage, TargetSpec, TorchMethod
from harness.protocol import QUICK, override
from harness.training.batches import in_even_chunks
from harness.training.fit.loop import fit
from harness.training.fit.stage_inputs import Logits
from harness.training.frozen.freeze import normalises_batches
from tests.trainings import make_part, make_training, some

TARGETS = {
    "label": TargetSpec(
        name="label",
        kind="classes",
        names=("dark", "bright"),
        loss="harness.tasks.losses:cross_entropy",
        activation="softmax",
    ),
    "mask": TargetSpec(
        name="mask",
        kind="binary-mask",
        loss="harness.tasks.losses:bce_dice",
        activation="sigmoid",
    ),
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(1, 4, 3, padding=1)
        self.mask = nn.Conv2d(4, 1, 1)
        self.label = nn.Linear(4, 2)


class Multitask(TorchMethod):
    @property
    def input(self) -> InputSpec:
        return InputSpec(size=32, mean=(0.5,), std=(0.25,))

    def build(self) -> nn.Module:
        return Net()

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        maps = module.body(images).relu()
        return {"label": module.label(maps.mean((2, 3))), "mask": module.mask(maps)}


def trained(directory: Path, targets: tuple[str, ...], *settings: str) -> dict[str, Tensor]:
    torch.manual_seed(0)
    problem = Problem(
        task="multitask",
        targets={name: TARGETS[name] for name in targets},
        image_size=32,
        weights="random",
        weights_files={},
        seed=0,
    )
    method = Multitask(problem)
    labels = np.arange(52) % 2
    noise = np.random.default_rng(1)
    pixels = (noise.integers(0, 120, (52, 32, 32)) + 100 * labels[:, None, None]).astype(np.uint8)
    # Masks come in a clump, so that chunks have between none and all of theirs.
    has_mask = np.arange(52) % 16 < 5
    images = make_part(pixels, labels, pixels > 120, has_mask)

    def validate(logits: Logits) -> dict[str, float]:
        return {"primary": 0.0}

    run = make_training(
        method,
        method.build(),
        some(images, slice(0, 40)),
        some(images, slice(40, 52)),
        directory,
        override(QUICK, ["epochs=1", *settings]),
        validate,
    )
    fit(run)
    return {name: value.detach().clone() for name, value in run.module.named_parameters()}


@pytest.mark.parametrize("micro", [1, 3, 5, 8])
@pytest.mark.parametrize("targets", [("label",), ("mask",), ("label", "mask")])
def test_chunks_add_up_to_the_batch_also_where_masks_are_missing(
    targets: tuple[str, ...], micro: int, tmp_path: Path
) -> None:
    whole = trained(tmp_path / "whole", targets)
    chunks = trained(tmp_path / "chunks", targets, f"micro_batch={micro}")
    for name, value in whole.items():
        torch.testing.assert_close(chunks[name], value, atol=2e-5, rtol=1e-4)


def test_no_chunk_is_smaller_than_it_must_be() -> None:
    rows = torch.arange(16)
    assert [len(chunk) for chunk in in_even_chunks(rows, 5)] == [4, 4, 4, 4]
    assert [len(chunk) for chunk in in_even_chunks(rows, 16)] == [16]
    assert [len(chunk) for chunk in in_even_chunks(rows[:9], 4)] == [3, 3, 3]
    assert torch.equal(torch.cat(in_even_chunks(rows, 3)), rows)


def test_batch_normalisation_counts_where_it_sees_the_batch() -> None:
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    net = nn.Sequential(body, nn.Linear(4, 2))
    assert normalises_batches(net, Stage())
    assert not normalises_batches(net, Stage(trainable=lambda _: ["1.weight", "1.bias"]))
    assert not normalises_batches(net, Stage(trainable=lambda _: []))
    assert not normalises_batches(net, Stage(trainable=lambda _: ["0.0.weight"]))
    assert normalises_batches(net, Stage(trainable=lambda _: ["0.1.weight"]))
    assert not normalises_batches(nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4)), Stage())
