"""What a method promised and does not keep costs its cell, with one sentence in the contract's
words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness import InputSpec, Stage, TargetSpec, TorchMethod
from harness.errors import HarnessError, SpecError
from harness.protocol import QUICK, override
from harness.specs import TaskSpec
from harness.training.fit.loop import fit
from harness.training.fit.stage_inputs import Logits
from harness.training.promises.agreement import check_independent, check_split
from harness.training.promises.contract import check_probabilities
from tests.trainings import LABEL, PROBLEM, make_part, make_training, some

MASK = TargetSpec(
    name="mask",
    kind="binary-mask",
    loss="harness.tasks.losses:bce_dice",
    activation="sigmoid",
)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, stride=4), nn.BatchNorm2d(4), nn.ReLU())
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)


def head_only(module: nn.Module) -> list[str]:
    return ["head.weight", "head.bias"]


class Honest(TorchMethod):
    """Trains a head on a frozen body, and says where the body ends."""

    stages = (Stage(name="probe", trainable=head_only),)

    @property
    def input(self) -> InputSpec:
        return InputSpec(size=32, mean=(0.5,), std=(0.25,))

    def build(self) -> nn.Module:
        return Net()

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module.head(module.norm(module.body(images).mean((2, 3))))}

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        return module.body, lambda maps: {"label": module.head(module.norm(maps.mean((2, 3))))}


def run(method: TorchMethod, directory: Path) -> None:
    torch.manual_seed(0)
    labels = np.arange(52) % 2
    pixels = np.random.default_rng(1).integers(0, 120, (52, 32, 32)) + 100 * labels[:, None, None]
    images = make_part(pixels.astype(np.uint8), labels)

    def validate(logits: Logits) -> dict[str, float]:
        with torch.inference_mode():
            (outputs,) = logits([torch.arange(12)])
            return {"primary": float(outputs["label"].std())}

    fit(
        make_training(
            method,
            method.build(),
            some(images, slice(0, 40)),
            some(images, slice(40, 52)),
            directory,
            override(QUICK, ["epochs=2"]),
            validate,
        )
    )


def test_an_honest_method_passes(tmp_path: Path) -> None:
    run(Honest(PROBLEM), tmp_path)


class StartsInPlace(Honest):
    """What lies behind the boundary begins with an operation in place, as in many networks."""

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        maps = torch.relu_(module.body[:2](images))
        return {"label": module.head(module.norm(maps.mean((2, 3))))}

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        return module.body[:2], lambda maps: {
            "label": module.head(module.norm(torch.relu_(maps).mean((2, 3))))
        }


def test_operations_in_place_at_the_boundary_break_no_promise(tmp_path: Path) -> None:
    run(StartsInPlace(PROBLEM), tmp_path)


def test_dropout_behind_the_boundary_breaks_no_promise(tmp_path: Path) -> None:
    run(DropsBehindTheBoundary(PROBLEM), tmp_path)


class RoundsWithTheBatch(Honest):
    """In half precision, other kernels for another number of images round otherwise, as on a GPU:
    here by a thousandth of the largest value."""

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        return Rounding(module.body), super().split(module, stage)[1]


class Rounding(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        maps = self.body(images).float()
        rounds = torch.is_autocast_enabled("cpu") and len(images) == 1
        return maps + 1e-3 * maps.max() if rounds else maps


def test_rounding_in_half_precision_breaks_no_promise() -> None:
    method = RoundsWithTheBatch(PROBLEM)
    module, images = method.build(), torch.rand(8, 1, 32, 32)
    stage = method.stages[0]
    with torch.autocast("cpu", torch.bfloat16):
        check_split(method, module, stage, method.split(module, stage), images)


def test_holding_split_to_its_promise_changes_nothing_that_training_goes_on_with() -> None:
    method = DropsBehindTheBoundary(PROBLEM)
    module, images = method.build(), torch.rand(8, 1, 32, 32)
    module.norm = nn.BatchNorm1d(4)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    check_split(method, module, method.stages[0], method.split(module, method.stages[0]), images)
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name


class Averages(Honest):
    """In eval mode too, what is behind the body depends on the batch."""

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        maps = module.body(images)
        return {"label": module.head((maps - maps.mean(0, keepdim=True)).mean((2, 3)))}


class DrawsAlways(Honest):
    """Dropout stays on, as for an estimate of uncertainty."""

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        pooled = module.norm(module.body(images).mean((2, 3)))
        return {"label": module.head(nn.functional.dropout(pooled, 0.5))}


class AveragesAndDraws(Averages):
    """That random numbers are drawn, which change nothing, excuses nothing."""

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        torch.rand(1)
        return super().forward(module, images)


@pytest.mark.parametrize("method", [Averages, AveragesAndDraws])
def test_predictions_of_an_image_that_depend_on_the_batch_break_a_promise(
    method: type[TorchMethod],
) -> None:
    broken = method(PROBLEM)
    with pytest.raises(HarnessError, match="predicts something else of an image when others are"):
        check_independent(broken, broken.build(), torch.rand(8, 1, 32, 32))


@pytest.mark.parametrize("method", [Honest, DrawsAlways])
def test_what_is_random_or_independent_breaks_none(method: type[TorchMethod]) -> None:
    kept = method(PROBLEM)
    module = kept.build()
    state = torch.get_rng_state()
    check_independent(kept, module, torch.rand(8, 1, 32, 32, generator=torch.Generator()))
    assert torch.equal(torch.get_rng_state(), state)


class ForgetsTheNorm(Honest):
    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        return module.body, lambda maps: {"label": module.head(maps.mean((2, 3)))}


class ForgetsTheNormBehindAHeadOfZeros(ForgetsTheNorm):
    """Both ways give zeros until the head has trained."""

    def build(self) -> nn.Module:
        net = Net()
        nn.init.zeros_(net.head.weight)
        return net


class LooksAtTheBatch(Honest):
    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        class Centred(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.body = module.body

            def forward(self, images: Tensor) -> Tensor:
                return self.body(images) - self.body(images).mean(0, keepdim=True)

        return Centred(), lambda maps: {"label": module.head(module.norm(maps.mean((2, 3))))}

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        maps = module.body(images)
        maps = maps - maps.mean(0, keepdim=True)
        return {"label": module.head(module.norm(maps.mean((2, 3))))}


class MissesTheThirdImage(Honest):
    """Its suffix is right for two images and no more."""

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        prefix, suffix = super().split(module, stage)
        return prefix, lambda maps: suffix(torch.cat([maps[:2], maps[2:] * 0.5]))


class ForgetsTheDropout(Honest):
    """Its two ways differ only where it trains."""

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        pooled = module.norm(module.body(images).mean((2, 3)))
        return {"label": module.head(nn.functional.dropout(pooled, 0.5, module.training))}


class DropsBehindTheBoundary(Honest):
    """Draws random numbers in both ways, as many and from one state."""

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return self._behind(module, module.body(images))

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        return module.body, lambda maps: self._behind(module, maps)

    def _behind(self, module: nn.Module, maps: Tensor) -> Mapping[str, Tensor]:
        pooled = module.norm(maps.mean((2, 3)))
        return {"label": module.head(nn.functional.dropout(pooled, 0.5, module.training))}


class LosesNumbers(Honest):
    """One image has no logits in either way, and the others differ."""

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        logits = super().forward(module, images)["label"].clone()
        logits[0] = float("nan")
        return {"label": logits}

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        prefix, suffix = super().split(module, stage)

        def broken(maps: Tensor) -> Mapping[str, Tensor]:
            logits = suffix(maps)["label"] + 1
            logits[0] = float("nan")
            return {"label": logits}

        return prefix, broken


class HasAnInfinity(Honest):
    """One way gives infinity where the other gives a number."""

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        prefix, suffix = super().split(module, stage)

        def broken(maps: Tensor) -> Mapping[str, Tensor]:
            logits = suffix(maps)["label"].clone()
            logits[0, 0] = float("inf")
            return {"label": logits}

        return prefix, broken


class WritesToTheBody(Honest):
    def split(self, module: nn.Module, stage: Stage) -> None:
        return None

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        if module.training:
            module.body[0].weight.data.mul_(1.001)
        return super().forward(module, images)


class WritesToTheStatistics(Honest):
    def split(self, module: nn.Module, stage: Stage) -> None:
        return None

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        module.body[1].running_mean.add_(0.001)
        return super().forward(module, images)


class ReturnsATensor(Honest):
    def forward(self, module: nn.Module, images: Tensor) -> Any:
        return super().forward(module, images)["label"]


class NamesItsOwnTarget(Honest):
    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"classes": super().forward(module, images)["label"]}


class HasAColumnTooMany(Honest):
    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": super().forward(module, images)["label"][:, [0, 1, 1]]}


class AnswersWithClasses(Honest):
    def split(self, module: nn.Module, stage: Stage) -> None:
        return None

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": super().forward(module, images)["label"].argmax(1)}


class LosesPerImage(Honest):
    def loss(self, outputs: Mapping[str, Tensor], batch: Any) -> dict[str, Tensor]:
        return {"label": outputs["label"].square().sum(1)}


class LosesNothing(Honest):
    def loss(self, outputs: Mapping[str, Tensor], batch: Any) -> dict[str, Tensor]:
        return {"label": outputs["label"].detach().mean()}


class ReturnsALoss(Honest):
    def loss(self, outputs: Mapping[str, Tensor], batch: Any) -> Any:
        return outputs["label"].mean()


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        (ForgetsTheNorm, r"split\(\) does not keep its promise in stage 'probe': 'label' of suff"),
        (ForgetsTheNormBehindAHeadOfZeros, r"split\(\) does not keep its promise in stage 'probe'"),
        (MissesTheThirdImage, r"of suffix\(prefix\(images\)\) differs"),
        (ForgetsTheDropout, "promise in stage 'probe' while it trains: 'label' of suffix"),
        (LosesNumbers, "differs from that of forward"),
        (HasAnInfinity, "differs from that of forward.* by up to inf"),
        (LooksAtTheBatch, "it must treat images independently"),
        (WritesToTheBody, "body.0.weight changed while stage 'probe' trained, although the stage "),
        (WritesToTheStatistics, "body.1.running_mean changed while stage 'probe' trained"),
        (ReturnsATensor, "returned a value of type Tensor; expected a mapping with a tensor for"),
        (NamesItsOwnTarget, r"returned \['classes'\]; the task also needs 'label'"),
        (HasAColumnTooMany, r"'label' of shape \[8, 3\]; expected logits \[8, 2\]"),
        (AnswersWithClasses, r"'label' of shape \[8\]; expected logits \[8, 2\]"),
        (LosesPerImage, r"of shape \[8\] for 'label'; expected a scalar tensor"),
        (LosesNothing, "terms without a gradient"),
        (ReturnsALoss, "value of type Tensor; expected a mapping from names to scalar tensors"),
    ],
)
def test_a_broken_promise_is_one_sentence(
    method: type[TorchMethod], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(HarnessError, match=sentence):
        run(method(PROBLEM), tmp_path)


@pytest.mark.parametrize(
    ("target", "values", "sentence"),
    [
        (LABEL, [[2.0, 1.6]], "from 1.6 to 2; expected probabilities in"),
        (LABEL, [[0.9, 0.9]], "sum to 1.8 over the classes"),
        (LABEL, [[0.5, np.nan]], "not finite"),
        (MASK, [[[-3.0, 4.0]]], "from -3 to 4; expected probabilities in"),
    ],
)
def test_what_predict_returns_must_be_probabilities(
    target: TargetSpec, values: Any, sentence: str
) -> None:
    with pytest.raises(HarnessError, match=sentence):
        check_probabilities(target.name, np.asarray(values, np.float32), target)


def test_a_task_cannot_make_probabilities_that_do_not_sum_to_one() -> None:
    label = TargetSpec(
        name="label",
        kind="classes",
        loss="harness.tasks.losses:cross_entropy",
        activation="sigmoid",
    )
    with pytest.raises(SpecError, match="probabilities of 'classes' are made by 'softmax'"):
        TaskSpec(name="odd", summary="Odd", targets=(label,), primary=("label.f1",))
