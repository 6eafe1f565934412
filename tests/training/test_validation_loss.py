"""The loss of the validation part is the method's, of the samples that count."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness import Batch
from harness.training.batches import Batches
from harness.training.fit.runner import Outputs
from harness.training.rows import Budget
from tests.runners import bundled, parts_for, runner_of
from tests.training.test_loop import PROBLEM, CachedLinear, Small
from tests.trainings import CPU


def whole(runner: Any, method: Any, part: Any) -> Tensor:
    """The loss of all images of a part in one forward pass."""
    batch = Batches(part, method.input, method.problem.targets, Budget(CPU, 0)).batch(
        torch.arange(len(part))
    )
    module = runner.network()[1].eval()
    with torch.no_grad():
        terms = method.loss(method.forward(module, batch.images), batch)
    return torch.stack(list(terms.values())).sum()


@pytest.mark.parametrize("name", ["multitask/unet_multitask", "segmentation/unet"])
def test_it_is_that_of_the_whole_part_however_that_is_cut(name: str, tmp_path: Path) -> None:
    """With batches of 4, of 9 images of which a third has no mask where there are labels, too."""
    method = bundled(name)
    parts = parts_for(method, val=9)
    runner = runner_of(method, tmp_path / "cell", "epochs=1")
    runner.fit(parts, lambda outputs: {"primary": 0.0})
    found = runner.predict(parts.val, loss=True).loss
    assert found == pytest.approx(float(whole(runner, method, parts.val)), rel=1e-5)


def test_a_method_with_a_loss_of_its_own_is_judged_by_that(tmp_path: Path) -> None:
    class Own(CachedLinear):
        def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
            return {**super().loss(outputs, batch), "more": outputs["label"].pow(2).mean()}

    method, seen = Own(PROBLEM), []
    parts = parts_for(method, val=9)
    runner = runner_of(method, tmp_path / "cell", "epochs=1")

    def score(outputs: Outputs) -> dict[str, float]:
        seen.append(outputs.loss)
        return {"primary": 0.0}

    runner.fit(parts, score)
    assert seen == [pytest.approx(float(whole(runner, method, parts.val)), rel=1e-5)]


def test_a_loss_that_needs_what_only_training_gives_is_told_once(tmp_path: Path) -> None:
    class Deep(Small):
        def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
            outputs = super().forward(module, images)
            return {**outputs, "aux": outputs["label"]} if module.training else outputs

        def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
            return {**super().loss(outputs, batch), "aux": outputs["aux"].mean()}

    told: list[Mapping[str, Any]] = []
    method = Deep(PROBLEM)
    parts, seen = parts_for(method), []
    runner = runner_of(method, tmp_path / "cell", "epochs=2", report=told.append)

    def score(outputs: Outputs) -> dict[str, float]:
        seen.append(outputs.loss)
        return {"primary": 0.0}

    runner.fit(parts, score)
    assert seen == [None, None]
    events = [line for line in told if line["event"] != "epoch"]
    assert events == [{"event": "no_validation_loss", "reason": "KeyError: 'aux'"}]


def test_a_loss_that_writes_into_its_outputs_changes_no_prediction(tmp_path: Path) -> None:
    class Writes(CachedLinear):
        def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
            if not torch.is_grad_enabled():
                outputs["label"].fill_(7.0)
            return super().loss(outputs, batch)

    method = Writes(PROBLEM)
    parts = parts_for(method, val=9)
    runner = runner_of(method, tmp_path / "cell", "epochs=1")
    runner.fit(parts, lambda outputs: {"primary": 0.0})
    plain = runner.predict(parts.val)
    beside = runner.predict(parts.val, loss=True)
    assert plain.probabilities is not None
    assert beside.probabilities is not None
    assert plain.probabilities.tobytes() == beside.probabilities.tobytes()
    assert plain.probabilities.std(axis=1).min() > 0
