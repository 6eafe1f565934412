"""``split`` is held to its promise on the first batch of the pass over a frozen prefix, whose
activations are taken from the pass and kept to the stage's end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness import InputSpec, Stage, TorchMethod
from harness.errors import HarnessError
from harness.protocol import QUICK, override
from harness.training.batches import Batches
from harness.training.fit.loop import fit
from harness.training.fit.stage_inputs import Logits
from harness.training.frozen.activations import Boundary
from harness.training.frozen.fingerprint import contents
from harness.training.promises.agreement import check_split
from tests.trainings import PROBLEM, make_part, make_training, some

BATCH = QUICK.batch_size
ran: list[int] = []
"""Images of every call that a body was run for."""


@pytest.fixture(autouse=True)
def nothing_ran_yet() -> None:
    ran.clear()


class Body(nn.Module):
    """Images [B, 1, 32, 32] -> features [B, 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, stride=4), nn.BatchNorm2d(4), nn.ReLU())
        self.factor = 1.0

    def forward(self, images: Tensor) -> Tensor:
        ran.append(len(images))
        return self.layers(images).mean((2, 3)) * self.factor


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Body()
        self.head = nn.Linear(4, 2)


def head_only(module: nn.Module) -> list[str]:
    return ["head.weight", "head.bias"]


class Honest(TorchMethod):
    """A head on a frozen body, which ``forward`` calls as a whole."""

    stages = (Stage(name="probe", trainable=head_only),)

    @property
    def input(self) -> InputSpec:
        return InputSpec(size=32, mean=(0.5,), std=(0.25,))

    def build(self) -> nn.Module:
        return Net()

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module.head(module.body(images))}

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        return module.body, lambda features: {"label": module.head(features)}


def some_images() -> Tensor:
    return torch.rand(BATCH, 1, 32, 32, generator=torch.Generator().manual_seed(3))


class SetsTheBodyUp(Honest):
    """Its body makes something else of an image where ``forward`` calls it."""

    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        module.body.factor = 1.0 if module.training else 1.1
        try:
            return super().forward(module, images)
        finally:
            module.body.factor = 1.0


class SetsTheBodyUpForLargeBatches(Honest):
    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        module.body.factor = 1.1 if len(images) > 4 else 1.0
        try:
            return super().forward(module, images)
        finally:
            module.body.factor = 1.0


class Hidden:
    """Seen by no network."""

    factor = 1.0


class LooksElsewhere(Honest):
    """Its body reads what is in no network, and ``forward`` writes it."""

    in_train_mode = False

    def build(self) -> nn.Module:
        net = Net()
        run = net.body.layers.forward
        vars(net.body.layers)["forward"] = lambda images: run(images) * Hidden.factor
        return net

    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        Hidden.factor = 1.1 if module.training == self.in_train_mode else 1.0
        try:
            return super().forward(module, images)
        finally:
            Hidden.factor = 1.0


class LooksElsewhereAsItTrains(LooksElsewhere):
    in_train_mode = True


class Centres(Body):
    def forward(self, images: Tensor) -> Tensor:
        features = super().forward(images)
        return features - features.mean(0, keepdim=True)


class CentresBatches(Honest):
    """The prefix, which ``forward`` calls, depends on the batch."""

    def build(self) -> nn.Module:
        net = Net()
        net.body = Centres()
        return net


class HandsOnOtherImages(Honest):
    """To the body, from the sixth on."""

    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        return super().forward(module, torch.cat([images[:5], images[5:] * 0.5]))


class MissesTheSixth(Honest):
    """Behind the boundary."""

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        prefix, suffix = super().split(module, stage)
        return prefix, lambda inner: suffix(torch.cat([inner[:5], inner[5:] * 0.5]))


class MissesTheSixthBehindAHeadOfZeros(MissesTheSixth):
    """Nothing shows before the head has trained."""

    def build(self) -> nn.Module:
        net = Net()
        nn.init.zeros_(net.head.weight)
        return net


class Drifts(Honest):
    """Its frozen body changes as the head trains, in what is neither parameter nor buffer."""

    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module.head(module.body(images))}

    def split(self, module: Any, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        def suffix(features: Tensor) -> Mapping[str, Tensor]:
            if torch.is_grad_enabled():
                module.body.factor += 0.01
            return {"label": module.head(features)}

        return module.body, suffix


BROKEN = [
    (SetsTheBodyUp, "promise in stage 'probe': 'label' of suffix"),
    (SetsTheBodyUpForLargeBatches, "promise in stage 'probe': 'label' of suffix"),
    (LooksElsewhere, "promise in stage 'probe': 'label' of suffix"),
    (LooksElsewhereAsItTrains, "promise in stage 'probe' while it trains: 'label' of suffix"),
    (CentresBatches, "it must treat images independently"),
    (HandsOnOtherImages, "promise in stage 'probe': 'label' of suffix"),
    (MissesTheSixth, "promise in stage 'probe': 'label' of suffix"),
]


@pytest.mark.parametrize(("method", "sentence"), BROKEN)
def test_a_broken_promise_shows_before_training(method: type[TorchMethod], sentence: str) -> None:
    broken = method(PROBLEM)
    torch.manual_seed(0)
    module, stage = broken.build(), broken.stages[0]
    with pytest.raises(HarnessError, match=sentence):
        check_split(broken, module, stage, broken.split(module, stage), some_images())


def run(method: TorchMethod, directory: Path, *, cache: Path | None = None) -> nn.Module:
    torch.manual_seed(0)
    labels = np.arange(52) % 2
    pixels = np.random.default_rng(1).integers(0, 120, (52, 32, 32)) + 100 * labels[:, None, None]
    images = make_part(pixels.astype(np.uint8), labels)

    def validate(logits: Logits) -> dict[str, float]:
        with torch.inference_mode():
            (outputs,) = logits([torch.arange(12)])
            return {"primary": float(outputs["label"].std())}

    training = make_training(
        method,
        method.build(),
        some(images, slice(0, 40)),
        some(images, slice(40, 52)),
        directory,
        override(QUICK, ["epochs=2"]),
        validate,
        sharing={"cache": cache or directory / "cache"},
    )
    fit(training)
    return training.module


@pytest.mark.parametrize("method", [MissesTheSixthBehindAHeadOfZeros, Drifts])
def test_a_promise_broken_by_training_alone_shows_when_the_stage_ends(
    method: type[TorchMethod], tmp_path: Path
) -> None:
    with pytest.raises(HarnessError, match="does not keep its promise in stage 'probe': 'label'"):
        run(method(PROBLEM), tmp_path)


def test_the_checks_of_a_stage_run_the_first_batch_and_few_images_more(tmp_path: Path) -> None:
    run(Honest(PROBLEM), tmp_path)
    assert ran == [8, *(1, 8, 4), *[8] * 5, 4, *(8, 4)]


def test_a_cell_that_finds_activations_runs_the_checks_alone(
    tmp_path: Path,
) -> None:
    first = run(Honest(PROBLEM), tmp_path / "a", cache=tmp_path / "cache")
    ran.clear()
    second = run(Honest(PROBLEM), tmp_path / "b", cache=tmp_path / "cache")
    assert ran == [1, 8, 4, *(8, 4)]
    assert torch.equal(second.head.weight, first.head.weight)


def test_kept_activations_are_those_of_the_prefix_batch_by_batch_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, given = Honest(PROBLEM), []
    compute = Boundary.compute

    def watched(boundary: Boundary, batches: Batches, rows: Tensor, *more: Any) -> Tensor:
        given.append(batches.images(rows))
        return compute(boundary, batches, rows, *more)

    monkeypatch.setattr(Boundary, "compute", watched)
    net = run(method, tmp_path)
    (kept,) = (np.load(file) for file in tmp_path.rglob("activations-*.npy"))
    with torch.no_grad():
        slow = torch.cat([net.eval().body(images) for images in given])
    assert np.array_equal(kept, slow.numpy())


@pytest.mark.parametrize("threads", [1, 2])
def test_contents_are_the_same_by_one_thread_or_several(threads: int) -> None:
    before = torch.get_num_threads()
    torch.manual_seed(0)
    state = Net().state_dict()
    try:
        torch.set_num_threads(threads)
        found = contents(state)
    finally:
        torch.set_num_threads(before)
    assert found == {name: contents({name: value})[name] for name, value in state.items()}
    assert list(found) == list(state)
