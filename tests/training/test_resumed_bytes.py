"""Killed at any step and resumed, every kind of network ends as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness import Batch, TorchMethod
from harness.training.fit.loop import epoch_steps, fit, stepper
from harness.training.fit.runner import Outputs
from harness.training.fit.stage_inputs import Logits
from tests.runners import bundled, contents, parts_for, runner_of
from tests.training.test_loop import PROBLEM, Small, state, training
from tests.training.test_selected import AllThenLinear, HeadBodyHead, LinearThenAll

NETWORKS = (
    "supervised/convnext_base",
    "supervised/densenet161",
    "supervised/efficientnet_v2_l",
    "supervised/resnext101_64x4d",
    "supervised/swin_b",
    "supervised/vit_b_16",
    "segmentation/unet",
    "segmentation/deeplabv3plus",
    "segmentation/pan",
    "multitask/unet_multitask",
    "multitask/unet_resnet50_aux",
    "ssl/dinov2_base@full",
    "ssl/dinov2_base@freeze8",
    "ssl/dinov2_base@linear",
    "ssl/beitv2_base@lpft",
)
"""One of every family, layout in memory and way of fine-tuning."""
SETTINGS = ((), ("flip=true",), ("micro_batch=3",), ("channels_last=true",))
EPOCHS = 4


class PowerCutError(BaseException):
    """Stands for the power cut: nothing may catch it."""


def by_loss(outputs: Outputs) -> dict[str, float]:
    """Scores by the validation loss, which no two epochs share."""
    assert outputs.loss is not None
    return {"primary": -outputs.loss, "loss": outputs.loss}


def counted(method: TorchMethod, stop_at: int | None = None) -> Callable[[], int]:
    """How often the method's loss has been asked for; the power fails at the call ``stop_at``."""
    calls, loss = 0, method.loss

    def asked(outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls == stop_at:
            raise PowerCutError
        return loss(outputs, batch)

    method.loss = asked  # type: ignore[method-assign]
    return lambda: calls


def check(
    make: Callable[[], TorchMethod], folder: Path, *settings: str, epoch: int, seed: int
) -> None:
    """Train undisturbed, and killed anywhere in an epoch and resumed; compare the weights of the
    best epoch, those of the last one, and predictions, byte by byte."""
    settings = (f"epochs={EPOCHS}", "learning_rate=0.01", *settings)
    method = make()
    calls, parts = counted(method), parts_for(method, train=8, val=4)
    whole = runner_of(method, folder / "whole", *settings)
    assert whole.fit(parts, by_loss).resumed == 0
    killed, per_epoch = make(), calls() // EPOCHS
    counted(killed, (epoch - 1) * per_epoch + random.Random(seed).randint(1, per_epoch))
    runner = runner_of(killed, folder / "cut", *settings)
    with pytest.raises(PowerCutError):
        runner.fit(parts, by_loss)
    runner._checkpoints.wait()  # A thread writes while the next epoch trains.
    resumed = runner_of(make(), folder / "cut", *settings)
    assert resumed.fit(parts, by_loss).resumed == 1
    best = [runner.network()[1].state_dict() for runner in (whole, resumed)]
    assert different(*best) == set()
    last = [
        torch.load(folder / name / "checkpoint" / "last.pt", weights_only=True)["module"]
        for name in ("whole", "cut")
    ]
    assert different(*last) == set()
    found = [contents(runner.predict(parts.val, loss=True)) for runner in (whole, resumed)]
    assert found[0] == found[1]


def different(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> set[str]:
    """Names of the parameters and buffers that differ in any bit."""
    return {name for name, value in one.items() if not torch.equal(value, other[name])}


@pytest.mark.parametrize("number", range(len(NETWORKS)), ids=NETWORKS)
def test_a_bundled_network_resumed_from_any_step_ends_bit_identical(
    number: int, tmp_path: Path
) -> None:
    name, settings = NETWORKS[number], SETTINGS[number % len(SETTINGS)]
    epoch = random.Random(number).randint(2, EPOCHS)
    check(lambda: bundled(name), tmp_path, *settings, epoch=epoch, seed=number)


@pytest.mark.parametrize("settings", [(), ("flip=true", "micro_batch=3", "channels_last=true")])
@pytest.mark.parametrize("epoch", [2, 3, 4])
@pytest.mark.parametrize("kind", [LinearThenAll, AllThenLinear, HeadBodyHead])
def test_a_network_resumed_from_any_step_of_any_stage_ends_bit_identical(
    kind: type[Small], epoch: int, settings: tuple[str, ...], tmp_path: Path
) -> None:
    check(lambda: kind(PROBLEM), tmp_path, *settings, epoch=epoch, seed=epoch)


def test_half_precision_weights_resume_bit_identical(tmp_path: Path) -> None:
    class Half(Small):
        def build(self) -> nn.Module:
            return super().build().bfloat16()

        def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
            return super().forward(module, images.bfloat16())

    check(lambda: Half(PROBLEM), tmp_path, "channels_last=true", epoch=3, seed=0)


def test_an_optimiser_that_is_loaded_keeps_its_moments_as_the_weights_lie(tmp_path: Path) -> None:
    """Whoever wrote the moments, and however: fused Adam walks through both in one order."""
    run = training(Small(PROBLEM), tmp_path)
    run.module.to(memory_format=torch.channels_last)
    take_step = stepper(run, run.method.stages[0])
    assert take_step is not None
    take_step(epoch_steps(run, 0)[0], take_step.batch)
    moments = {
        number: {name: value.contiguous() for name, value in state.items()}
        for number, state in take_step.state()["optimizer"]["state"].items()
    }
    saved = take_step.state()
    take_step.load({**saved, "optimizer": {**saved["optimizer"], "state": moments}})
    for parameter, loaded in take_step.optimizer.state.items():
        assert loaded["exp_avg"].stride() == parameter.stride()
        assert loaded["exp_avg_sq"].stride() == parameter.stride()


def test_best_weights_whose_epoch_was_not_saved_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between writing the weights of a better epoch and writing that it is the better one:
    on a GPU the repeated epoch need not be better again."""
    # The fourth epoch ends before the thread is waited for.
    scores, seen = iter([0.1, 0.5, 0.9, 0.0, 0.3, 0.2]), []
    run = training(Small(PROBLEM), tmp_path)

    def validate(logits: Logits) -> dict[str, float]:
        seen.append(state(run.module))
        return {"primary": next(scores)}

    saved, save = 0, torch.save

    def failing(value: object, path: Path) -> None:
        nonlocal saved
        saved += 1
        if saved == 3:
            raise PowerCutError
        save(value, path)

    monkeypatch.setattr(torch, "save", failing)
    object.__setattr__(run, "validate", validate)
    with pytest.raises(PowerCutError):
        fit(run)
    monkeypatch.undo()
    expected, run = seen[1], training(Small(PROBLEM), tmp_path)
    object.__setattr__(run, "validate", validate)
    assert fit(run).best_epoch == 2
    assert different(expected, run.module.state_dict()) == set()


@pytest.mark.parametrize("damage", ["cut off", "deleted"])
def test_best_weights_that_cannot_be_read_are_told_and_training_starts_again(
    damage: str, tmp_path: Path
) -> None:
    told: list[Mapping[str, Any]] = []
    run = training(Small(PROBLEM), tmp_path)
    fit(run)
    best = tmp_path / "best-so-far.safetensors"
    best.write_bytes(best.read_bytes()[:1000])
    if damage == "deleted":
        best.unlink()
    again = training(Small(PROBLEM), tmp_path, report=told.append)
    assert fit(again).resumed == 0
    assert "best-so-far.safetensors cannot be read" in told[0]["reason"]
    assert different(run.module.state_dict(), again.module.state_dict()) == set()


def test_a_cell_killed_while_it_clears_up_predicts_with_the_weights_it_has_kept(
    tmp_path: Path,
) -> None:
    method = LinearThenAll(PROBLEM)
    parts, folder = parts_for(method), tmp_path / "cell"
    first = runner_of(method, folder, f"epochs={EPOCHS}")
    first.fit(parts, by_loss)
    first._checkpoints.keep(first.network()[1])  # and its ``last`` is still there
    again = runner_of(LinearThenAll(PROBLEM), folder, f"epochs={EPOCHS}")
    assert again.fit(parts, by_loss).resumed == 1
    networks = (first.network()[1], again.network()[1])
    assert different(*(network.state_dict() for network in networks)) == set()
