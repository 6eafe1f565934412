"""The one loop: stages, frozen guarantees, selection, resume."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness import HarnessError, InputSpec, Stage, TorchMethod
from harness.protocol import QUICK, override
from harness.training.batches import Part
from harness.training.clock import Clock
from harness.training.fit.loop import Training, fit
from harness.training.fit.stage_inputs import Logits
from tests.trainings import PROBLEM, make_part, make_training, some


class SmallNet(nn.Module):
    """A body with everything that can move while it should not, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=4), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)
        )
        self.position = nn.Parameter(torch.randn(4))
        self.head = nn.Linear(4, 2)

    def features(self, images: Tensor) -> Tensor:
        return self.body(images).mean((2, 3)) + self.position


class Features(nn.Module):
    def __init__(self, net: SmallNet) -> None:
        super().__init__()
        self.net_body, self.position = net.body, net.position

    def forward(self, images: Tensor) -> Tensor:
        return self.net_body(images).mean((2, 3)) + self.position


def head_only(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters() if name.startswith("head.")]


class Small(TorchMethod):
    stages = (Stage(),)
    cached = False

    @property
    def input(self) -> InputSpec:
        return InputSpec(size=32, mean=(0.5,), std=(0.25,))

    def build(self) -> nn.Module:
        return SmallNet()

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module.head(module.features(images))}

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        if not self.cached or stage.trainable is not head_only:
            return None
        return Features(module), lambda features: {"label": module.head(features)}


class Linear(Small):
    stages = (Stage(trainable=head_only),)


class CachedLinear(Linear):
    cached = True


class TwoStages(Small):
    stages = (
        Stage(name="linear", share_of_epochs=0.5, trainable=head_only),
        Stage(name="all", share_of_epochs=0.5),
    )


class ZeroShot(Small):
    stages = (Stage(trainable=lambda module: ()),)


def noise() -> Part:
    """52 bright and dark noise images."""
    labels = np.arange(52) % 2
    pixels = np.random.default_rng(1).integers(0, 120, (52, 32, 32)) + 100 * labels[:, None, None]
    return make_part(pixels.astype(np.uint8), labels)


def training(method: TorchMethod, directory: Path, *settings: str, **changes: Any) -> Training:
    """On 40 of the images, validated on the other 12."""
    torch.manual_seed(0)
    images = noise()
    labels = torch.arange(12) % 2

    def validate(logits: Logits) -> dict[str, float]:
        with torch.inference_mode():
            (outputs,) = logits([torch.arange(12)])
        predicted = outputs["label"].argmax(1)
        return {"primary": float((predicted == labels).float().mean())}

    return make_training(
        method,
        method.build(),
        some(images, slice(0, 40)),
        some(images, slice(40, 52)),
        directory,
        override(QUICK, ("epochs=4", *settings)),
        validate,
        **changes,
    )


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_training_learns_what_can_be_learnt(tmp_path: Path) -> None:
    progress = fit(training(Small(PROBLEM), tmp_path, "epochs=8", "learning_rate=0.05"))
    assert progress.best_primary == 1.0


def test_frozen_parameters_and_buffers_are_bit_identical_after_training(tmp_path: Path) -> None:
    run = training(Linear(PROBLEM), tmp_path, "weight_decay=0.1")
    before = state(run.module)
    fit(run)
    after = run.module.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"head.weight", "head.bias"}


def test_everything_trains_when_nothing_is_frozen(tmp_path: Path) -> None:
    run = training(Small(PROBLEM), tmp_path)
    before = state(run.module)
    fit(run)
    after = run.module.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before)


def test_a_prefix_computed_once_gives_what_the_uncached_path_gives(tmp_path: Path) -> None:
    results = []
    for method in (Linear(PROBLEM), CachedLinear(PROBLEM)):
        run = training(method, tmp_path / type(method).__name__)
        fit(run)
        results.append(run.module.head.weight.detach())
    torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-5)


def test_a_prefix_computed_once_honours_flips(tmp_path: Path) -> None:
    results = []
    for method in (Linear(PROBLEM), CachedLinear(PROBLEM)):
        run = training(method, tmp_path / type(method).__name__, "flip=true")
        fit(run)
        results.append(run.module.head.weight.detach())
    torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kept", [True, False])
def test_what_has_no_parameters_is_frozen_in_front_of_the_boundary_too(
    tmp_path: Path, kept: bool
) -> None:
    class Dropped(CachedLinear):
        def build(self) -> nn.Module:
            module = SmallNet()
            module.drop = nn.Dropout(0.9)
            return module

        def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]]:
            return nn.Sequential(Features(module), module.drop), lambda features: {
                "label": module.head(features)
            }

    sharing = {} if kept else {"disk_budget": 0, "memory_budget": 0}
    whole = training(CachedLinear(PROBLEM), tmp_path / "whole")
    run = training(Dropped(PROBLEM), tmp_path / "dropped", sharing=sharing)
    fit(whole)
    fit(run)
    torch.testing.assert_close(run.module.head.weight, whole.module.head.weight)


def test_a_split_whose_prefix_trains_is_refused(tmp_path: Path) -> None:
    class Wrong(CachedLinear):
        def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]]:
            return module.head, lambda x: {"label": x}

    with pytest.raises(HarnessError, match="put into the frozen prefix"):
        fit(training(Wrong(PROBLEM), tmp_path))


def test_stages_train_one_after_the_other(tmp_path: Path) -> None:
    lines: list[Any] = []
    fit(training(TwoStages(PROBLEM), tmp_path, report=lines.append))
    assert [line["stage"] for line in lines] == ["linear", "linear", "all", "all"]


def test_a_method_that_trains_nothing_gets_no_epoch(tmp_path: Path) -> None:
    run = training(ZeroShot(PROBLEM), tmp_path)
    before = state(run.module)
    progress = fit(run)
    assert progress.epochs_done == 0
    assert all(torch.equal(before[n], v) for n, v in run.module.state_dict().items())


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_weights_of_the_best_epoch_are_kept(tmp_path: Path, higher_is_better: bool) -> None:
    sign = 1 if higher_is_better else -1
    scores = iter([sign * score for score in (0.2, 0.9, 0.9, 0.1)])
    seen: list[dict[str, Tensor]] = []
    run = training(Small(PROBLEM), tmp_path)

    def validate(logits: Any) -> dict[str, float]:
        seen.append(state(run.module))
        return {"primary": next(scores)}

    object.__setattr__(run, "validate", validate)
    object.__setattr__(run, "higher_is_better", higher_is_better)
    progress = fit(run)
    assert progress.best_epoch == 2
    assert all(torch.equal(seen[1][n], v) for n, v in run.module.state_dict().items())


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ((0.9, 0.7, 0.8, 0.7), 2),
        ((0.9, 0.9, 0.9, 0.9), 1),
        ((None, 0.9, 0.8, 0.9), 3),
        ((0.9, None, None, None), 1),
    ],
    ids=["the lowest loss", "the earliest", "a known loss", "an unknown loss"],
)
def test_equal_scores_are_told_apart_by_the_validation_loss(
    tmp_path: Path, losses: tuple[float | None, ...], best: int
) -> None:
    coming = iter(losses)
    run = training(Small(PROBLEM), tmp_path)

    def validate(logits: Any) -> dict[str, float]:
        loss = next(coming)
        return {"primary": 0.25} if loss is None else {"primary": 0.25, "loss": loss}

    object.__setattr__(run, "validate", validate)
    assert fit(run).best_epoch == best


def test_a_lower_loss_does_not_beat_a_better_score(tmp_path: Path) -> None:
    figures = iter([(0.5, 0.9), (0.4, 0.1), (0.5, 0.8), (0.4, 0.2)])
    run = training(Small(PROBLEM), tmp_path)
    object.__setattr__(
        run, "validate", lambda logits: dict(zip(("primary", "loss"), next(figures), strict=True))
    )
    assert fit(run).best_epoch == 3


@pytest.mark.parametrize("size", [0, 1000, None], ids=["empty", "cut off", "other content"])
def test_a_damaged_checkpoint_is_told_and_training_starts_again(
    tmp_path: Path, size: int | None
) -> None:
    told: list[Mapping[str, Any]] = []
    run = training(Small(PROBLEM), tmp_path)
    fit(run)
    expected, last = state(run.module), tmp_path / "last.pt"
    last.write_bytes(b"else" * 500 if size is None else last.read_bytes()[:size])
    (tmp_path / ".last.pt.123").write_bytes(b"half written")
    again = training(Small(PROBLEM), tmp_path, report=told.append)
    assert fit(again).resumed == 0
    assert [line["event"] for line in told if line["event"] != "epoch"] == ["restarted"]
    assert "last.pt cannot be read" in told[0]["reason"]
    assert all(torch.equal(expected[n], v) for n, v in again.module.state_dict().items())
    assert not list(tmp_path.glob(".*"))


def test_a_checkpoint_without_room_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(HarnessError, match=r"last\.pt: cannot be written .* make room"):
        fit(training(Small(PROBLEM), tmp_path))
    assert not list(tmp_path.glob(".*"))


class PowerCutError(Exception):
    """Stands for the power cut."""


@pytest.mark.parametrize("method", [Small, TwoStages, CachedLinear])
@pytest.mark.parametrize("cut_after", [1, 2, 3])
def test_a_resumed_run_ends_bit_identical(
    method: type[TorchMethod], cut_after: int, tmp_path: Path
) -> None:
    whole = training(method(PROBLEM), tmp_path / "whole")
    fit(whole)

    def cut(line: Mapping[str, Any]) -> None:
        if line.get("epoch") == cut_after + 1:
            raise PowerCutError

    killed = training(method(PROBLEM), tmp_path / "cut", report=cut)
    with pytest.raises(PowerCutError):
        fit(killed)
    killed.checkpoints.wait()  # a thread writes while the next epoch trains
    resumed = training(method(PROBLEM), tmp_path / "cut")
    assert fit(resumed).resumed == 1
    expected = whole.module.state_dict()
    assert all(torch.equal(expected[n], v) for n, v in resumed.module.state_dict().items())


def test_a_resumed_run_counts_no_time_that_was_lost(tmp_path: Path) -> None:
    """Ten seconds per validation of four epochs: the third was validated twice."""

    def timed(**changes: Any) -> Training:
        run, now = training(Small(PROBLEM), tmp_path, **changes), 0.0
        clock = Clock(now=lambda: now)

        def validate(logits: Logits) -> dict[str, float]:
            nonlocal now
            now += 10
            return {"primary": 0.5}

        object.__setattr__(run, "clock", clock)
        object.__setattr__(run, "validate", validate)
        return run

    def cut(line: Mapping[str, Any]) -> None:
        if line.get("epoch") == 3:
            raise PowerCutError

    killed = timed(report=cut)
    with pytest.raises(PowerCutError):
        fit(killed)
    killed.checkpoints.wait()
    resumed = timed()
    fit(resumed)
    assert resumed.clock.read()["validate"] == sum(resumed.clock.read().values()) == 40


def test_a_checkpoint_holds_what_has_been_trained_and_no_frozen_weight(tmp_path: Path) -> None:
    sizes = {}
    for method in (Small, Linear, TwoStages):
        run = training(method(PROBLEM), tmp_path / method.__name__)
        fit(run)
        run.checkpoints.wait()
        state = torch.load(run.checkpoints.last, weights_only=True)["module"]
        sizes[method] = {name for name in state if not name.startswith("body.1.")}
    assert sizes[Linear] == {"head.weight", "head.bias"}
    assert sizes[Small] == sizes[TwoStages] > {"position", "body.0.weight", *sizes[Linear]}


def test_a_checkpoint_that_cannot_be_written_stops_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        fit(training(Small(PROBLEM), tmp_path / "file", sharing={"cache": tmp_path}))


def test_micro_batches_add_up_to_the_batch(tmp_path: Path) -> None:
    results = []
    for name, settings in (("one", ()), ("four", ("micro_batch=4",))):
        run = training(Linear(PROBLEM), tmp_path / name, *settings)
        fit(run)
        results.append(run.module.head.weight.detach())
    torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=1e-5)


def test_a_loss_that_is_not_finite_stops_the_cell(tmp_path: Path) -> None:
    class Exploding(Small):
        def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
            return {"label": module.head(module.features(images)) * float("inf")}

    with pytest.raises(HarnessError, match="training has diverged"):
        fit(training(Exploding(PROBLEM), tmp_path))


def test_compiling_changes_no_result_but_in_the_last_bits(tmp_path: Path) -> None:
    results = []
    for name, settings in (("eager", ()), ("compiled", ("compile=true",))):
        run = training(Small(PROBLEM), tmp_path / name, "epochs=1", *settings)
        run.module.body[3].p = 0.0  # compiled code draws its own random numbers
        fit(run)
        results.append(state(run.module))
        spent = run.clock.read()["compile"]
        assert (spent > 0) == (name == "compiled")
    for parameter, value in results[0].items():
        torch.testing.assert_close(results[1][parameter], value, atol=1e-4, rtol=1e-3)
