"""Frozen is frozen in every network: parameters, statistics, position embeddings, tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness import MethodSpec, Problem, TorchMethod
from harness.discovery.registry import discover
from harness.protocol import QUICK, override
from harness.runtime.resolve import resolve
from harness.training.fit.loop import fit
from harness.training.fit.stage_inputs import Logits
from tests.checkpoints import make_problem, tiny_params
from tests.trainings import make_part, make_training

TRAINED = {
    entry.id: entry.spec
    for entry in discover().methods.values()
    if entry.spec.family in ("supervised", "ssl", "segmentation", "multitask")
}
BATCH = 4


def test_all_trained_methods_are_here() -> None:
    assert len(TRAINED) == 26


def build(spec: MethodSpec) -> tuple[TorchMethod, nn.Module]:
    torch.manual_seed(0)
    problem: Problem = make_problem(spec.task, 64)
    method: TorchMethod = resolve(spec.factory)(problem, **tiny_params(spec))
    return method, method.build()


def last_layer(network: nn.Module) -> set[str]:
    """The parameters of the module that holds the last parameter: a head, or an output layer."""
    *_, (last, _) = network.named_parameters()
    owner = last.rpartition(".")[0]
    return {name for name, _ in network.named_parameters() if name.rpartition(".")[0] == owner}


def contents(network: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters and buffers, of those too that a checkpoint leaves out."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: value.detach().clone() for name, value in named}


def two_steps(method: TorchMethod, network: nn.Module, folder: Path) -> None:
    size, random = method.input.size, np.random.default_rng(0)
    pixels = random.integers(0, 256, (2 * BATCH, size, size), dtype=np.uint8)
    masks = random.random((2 * BATCH, size, size)) < 0.5
    images = make_part(pixels, np.arange(2 * BATCH) % 4, masks)
    steps = 0

    def validate(logits: Logits) -> dict[str, float]:
        nonlocal steps
        steps += 2
        return {"primary": 0.0}

    settings = ("epochs=1", f"batch_size={BATCH}", "weight_decay=0.1", "learning_rate=0.01")
    fit(make_training(method, network, images, images, folder, override(QUICK, settings), validate))
    assert steps == 2


@pytest.mark.parametrize("name", TRAINED)
def test_two_steps_move_nothing_that_a_stage_freezes(name: str, tmp_path: Path) -> None:
    method, network = build(TRAINED[name])
    trained = last_layer(network)
    stage = replace(method.stages[-1], share_of_epochs=1.0, trainable=lambda _: trained)
    method.stages = [stage]
    method.split = lambda module, stage: None  # type: ignore[method-assign]
    before = contents(network)
    two_steps(method, network, tmp_path)
    after = contents(network)
    assert {name for name in before if not torch.equal(before[name], after[name])} == trained


@pytest.mark.parametrize("name", [n for n, s in TRAINED.items() if s.family != "ssl"])
def test_a_method_that_freezes_nothing_moves_its_parameters_and_statistics(
    name: str, tmp_path: Path
) -> None:
    method, network = build(TRAINED[name])
    before = contents(network)
    two_steps(method, network, tmp_path)
    after = contents(network)
    still = {name for name in before if torch.equal(before[name], after[name])}
    if name == "segmentation/pspnet":  # keeps two stages of its encoder that it never uses
        still = {name for name in still if not name.startswith("encoder.")}
    assert not {name for name in still if "running_" in name}
    parameters = {name for name, _ in network.named_parameters()}
    # A unit behind a ReLU may be dead for two steps.
    assert len(still & parameters) <= 0.02 * len(parameters)
