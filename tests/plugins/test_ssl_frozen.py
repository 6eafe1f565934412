"""Self-supervised encoders: what a stage freezes stays as it was, and is cut off exactly there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import harness_ssl
from harness.protocol import QUICK, override
from harness.training.fit.loop import fit
from harness.training.fit.stage_inputs import Logits
from harness.training.frozen.freeze import apply_stage
from harness_ssl.models import Classifier
from tests.checkpoints import make_problem, tiny_params
from tests.trainings import make_part, make_training

SPECS = {spec.name: spec for spec in harness_ssl.harness_methods()}
STAGES = [("full", 0), ("freeze8", 0), ("linear", 0), ("lpft", 0), ("lpft", 1)]

each_encoder = pytest.mark.parametrize("encoder", ("dinov2_base", "beitv2_base"))
each_stage = pytest.mark.parametrize(("strategy", "stage"), STAGES)


def small(name: str, size: int = 64) -> Classifier:
    return Classifier(make_problem("classification", size), **tiny_params(SPECS[name]))


@pytest.mark.parametrize(
    ("encoder", "positions"), [("dinov2_base", {"pos_embed"}), ("beitv2_base", set())]
)
def test_freeze8_freezes_embeddings_tokens_and_the_first_eight_blocks_and_nothing_else(
    encoder: str, positions: set[str]
) -> None:
    method = small(f"{encoder}@freeze8")
    network = method.build()
    apply_stage(network, method.stages[0])
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    embeddings = {"patch_embed.proj.weight", "patch_embed.proj.bias", "cls_token"}
    blocks = {
        f"blocks.{i}.{name}"
        for i in range(8)
        for name, _ in network.encoder.blocks[i].named_parameters()
    }
    assert frozen == {f"encoder.{name}" for name in embeddings | positions | blocks}
    tables = {name for name in frozen if name.endswith("relative_position_bias_table")}
    assert len(tables) == (8 if encoder == "beitv2_base" else 0)


@each_encoder
def test_a_class_token_that_trains_is_all_that_freeze8_frees_and_leaves_no_frozen_prefix(
    encoder: str,
) -> None:
    spec = SPECS[f"{encoder}@freeze8"]
    names = []
    for free in (False, True):
        params = {**tiny_params(spec), "train_class_token": free}
        method = Classifier(make_problem("classification", 64), **params)
        network = method.build()
        apply_stage(network, method.stages[0])
        names.append({name for name, p in network.named_parameters() if p.requires_grad})
        assert (method.split(network, method.stages[0]) is None) == free
    assert names[1] - names[0] == {"encoder.cls_token"}
    method.forward(network, torch.randn(2, 3, 64, 64))["label"].sum().backward()
    assert network.encoder.cls_token.grad is not None
    assert network.encoder.cls_token.grad.any()


@each_encoder
@each_stage
def test_two_steps_move_what_a_stage_trains_and_not_one_bit_of_the_rest(
    encoder: str, strategy: str, stage: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    method = small(f"{encoder}@{strategy}", size=32)
    alone = replace(method.stages[stage], share_of_epochs=1.0)
    method.stages = [alone]
    network = method.build()
    trainable = {name for name, _ in network.named_parameters()}
    if alone.trainable is not None:
        trainable = set(alone.trainable(network))
    before = contents(network)
    assert two_steps(method, network, tmp_path) == {alone.name: 2}
    after = contents(network)
    assert {name for name in before if not torch.equal(before[name], after[name])} == trainable


def contents(network: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters and buffers, of those too that a checkpoint leaves out."""
    return {
        name: value.detach().clone()
        for named in (network.named_parameters(), network.named_buffers())
        for name, value in named
    }


def two_steps(method: Classifier, network: nn.Module, directory: Path) -> dict[str, int]:
    """Train on eight images for one epoch of two batches; steps taken per stage."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 32, 32), dtype=np.uint8)
    images = make_part(pixels, np.arange(8) % 4)
    lines: list[Mapping[str, Any]] = []
    settings = ("epochs=1", "batch_size=4", "weight_decay=0.1", "flip=true")

    def validate(logits: Logits) -> dict[str, float]:
        with torch.inference_mode():
            (outputs,) = logits([torch.arange(8)])
            return {"primary": float(outputs["label"].isfinite().all())}

    fit(
        make_training(
            method,
            network,
            images,
            images,
            directory,
            override(QUICK, settings),
            validate,
            report=lines.append,
        )
    )
    return {line["stage"]: line["images"] // 4 for line in lines}


@each_encoder
@pytest.mark.parametrize(
    ("strategy", "boundary"), [("freeze8", (3, 17, 64)), ("linear", (3, 64)), ("lpft", (3, 64))]
)
def test_the_two_halves_of_a_split_are_the_whole(
    encoder: str, strategy: str, boundary: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    method = small(f"{encoder}@{strategy}")
    network = method.build().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    apply_stage(network, method.stages[0])
    halves = method.split(network, method.stages[0])
    assert halves is not None
    prefix, suffix = halves
    assert not any(parameter.requires_grad for parameter in prefix.parameters())
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        activations = prefix.eval()(images)
        assert activations.shape == boundary
        whole = method.forward(network, images)["label"]
        assert torch.equal(suffix(activations)["label"], whole)


@each_encoder
@pytest.mark.parametrize(("strategy", "stage"), [("full", 0), ("lpft", 1)])
def test_a_stage_that_trains_everything_has_no_boundary(
    encoder: str, strategy: str, stage: int
) -> None:
    method = small(f"{encoder}@{strategy}")
    assert method.split(method.build(), method.stages[stage]) is None
