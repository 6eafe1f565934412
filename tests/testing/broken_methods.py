"""Methods that each break exactly one promise, and honest ones of every kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness import (
    Batch,
    FitContext,
    HarnessError,
    InputSpec,
    LabelledImages,
    Predictions,
    Problem,
    Stage,
    TorchMethod,
    load_checkpoint,
)

Split = tuple[nn.Module, Callable[..., Any]] | None


class Net(nn.Module):
    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 5, stride=2, padding=2), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.head = nn.Linear(2 * width, classes)

    def features(self, maps: Tensor) -> Tensor:
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)


def head_only(module: nn.Module) -> list[str]:
    return ["head.weight", "head.bias"]


class Honest(TorchMethod):
    """Trains a head on a frozen body, and says where the body ends; then all of it."""

    stages = (
        Stage(name="probe", share_of_epochs=0.5, trainable=head_only),
        Stage(name="finetune", share_of_epochs=0.5),
    )

    def __init__(self, problem: Problem, *, width: int = 16) -> None:
        super().__init__(problem)
        self.width = width

    @property
    def input(self) -> InputSpec:
        return InputSpec(size=self.problem.image_size, mean=(0.5,), std=(0.25,))

    def build(self) -> nn.Module:
        return Net(len(self.problem.classes), self.width)

    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module.head(module.features(module.body(images)))}

    def split(self, module: Any, stage: Stage) -> Split:
        if stage.trainable is None:
            return None
        return module.body, lambda maps: {"label": module.head(module.features(maps))}


class Whole(Honest):
    """Without a boundary, so that what it breaks is not the boundary's."""

    def split(self, module: Any, stage: Stage) -> Split:
        return None


class NothingTrains(Honest):
    """Declares that nothing trains."""

    stages = (Stage(name="zero-shot", trainable=lambda module: ()),)


class Segmenter(TorchMethod):
    """Honest, of masks."""

    @property
    def input(self) -> InputSpec:
        return InputSpec(size=self.problem.image_size, mean=(0.5,), std=(0.25,))

    def build(self) -> nn.Module:
        layers: list[nn.Module] = []
        for before, after in ((1, 16), (16, 16), (16, 16)):
            layers += [nn.Conv2d(before, after, 5, padding=2), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Conv2d(16, 1, 1))

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"mask": module(images)}


class NoMethod:
    """Has neither fit nor predict."""

    def __init__(self, problem: Problem) -> None:
        pass


class TrainsWhatThereIsNot(Whole):
    stages = (Stage(trainable=lambda module: ["neck.weight"]),)


class FailsAtFullWidth(Whole):
    def __init__(self, problem: Problem, *, width: int = 16) -> None:
        super().__init__(problem, width=width)
        if width == 64:
            raise ValueError("64 is too wide")


class LoadsItsWeights(Whole):
    """Starts from the files of its card, whatever they are of."""

    def build(self) -> nn.Module:
        module = super().build()
        for path in self.problem.weights_files.values():
            load_checkpoint(module, path)
        return module


class AnswersWithATensor(Whole):
    def forward(self, module: Any, images: Tensor) -> Any:
        return super().forward(module, images)["label"]


class NamesAnotherTarget(Whole):
    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        return {"classes": super().forward(module, images)["label"]}


class HasNoNumbers(Whole):
    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": super().forward(module, images)["label"] * float("nan")}


class LosesPerImage(Whole):
    def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"label": outputs["label"].square().sum(1)}


class LosesNothing(Whole):
    def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"label": outputs["label"].detach().mean()}


class KnowsThreeClasses(Whole):
    def build(self) -> nn.Module:
        return Net(3, self.width)


class KnowsOneSize(Whole):
    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        if images.shape[-1] != 64:
            raise RuntimeError("64 only")
        return super().forward(module, images)


class SaysWhichSize(Whole):
    """Honest: it takes one size, and says so."""

    def __init__(self, problem: Problem, *, width: int = 16) -> None:
        super().__init__(problem, width=width)
        if problem.image_size != 64:
            raise HarnessError("takes images of 64 px only")


class SqueezesTheBatch(Whole):
    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": super().forward(module, images)["label"].squeeze()}


class CentresTheBatch(Whole):
    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        found = module.features(module.body(images))
        if len(images) > 1 and not module.training:
            found = found - 0.1 * found.mean(0, keepdim=True)
        return {"label": module.head(found)}


class MovesTheFrozen(Whole):
    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        if module.training and not module.body[0].weight.requires_grad:
            module.body[0].weight.data.mul_(1.01)
        return super().forward(module, images)


class WritesInEvaluation(Whole):
    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        outputs = super().forward(module, images)
        if not module.training:
            module.head.bias.data.add_(1e-3)
        return outputs


class SplitsElsewhere(Honest):
    def split(self, module: Any, stage: Stage) -> Split:
        if stage.trainable is None:
            return None
        return module.body, lambda maps: {"label": module.head(2 * module.features(maps))}


class RemembersLabels(Whole):
    remembered: Tensor | None = None

    def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        self.remembered = batch.targets["label"]
        return super().loss(outputs, batch)

    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        logits = super().forward(module, images)["label"]
        if not module.training and self.remembered is not None and len(images) > 1:
            logits = logits + nn.functional.one_hot(self.remembered, logits.shape[1])[: len(images)]
        return {"label": logits}


class FailsLater(Whole):
    """Its loss fails in a longer training only, with the fourth batch."""

    batches = 0

    def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        self.batches += torch.is_grad_enabled()
        if self.batches > 3:
            raise RuntimeError("a fourth batch was not expected")
        return super().loss(outputs, batch)


class DrawsFromTheSystem(Whole):
    def build(self) -> nn.Module:
        module = super().build()
        with torch.no_grad():
            noise = int.from_bytes(os.urandom(2), "big") / 65536
            module.get_parameter("head.bias")[0].add_(noise)
        return module


class ForgetsItsScale(Whole):
    """Keeps what predictions need in an attribute of the network."""

    def forward(self, module: Any, images: Tensor) -> Mapping[str, Tensor]:
        if module.training:
            module.scale = 0.5
        return {"label": super().forward(module, images)["label"] * getattr(module, "scale", 1.0)}


class SetsThePrecision(Whole):
    def build(self) -> nn.Module:
        torch.set_float32_matmul_precision("high")
        return super().build()


class LearnsNothing(Whole):
    def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"size": 1e-6 * outputs["label"].square().mean()}


class Plain:
    """Honest, without torch: the nearest mean image of 8 x 8 pixels."""

    def __init__(self, problem: Problem) -> None:
        self.classes = len(problem.classes)
        self.means = np.zeros((self.classes, 64))

    def skip(self) -> str | None:
        return None

    def fit(self, train: LabelledImages, val: LabelledImages, context: FitContext) -> None:
        members = np.eye(self.classes)[train.labels]
        counts = members.sum(axis=0).clip(1)[:, None]
        self.means = members.T @ self.small(train.pixels) / counts

    def predict(self, images: NDArray[np.uint8]) -> Predictions:
        gaps = np.square(self.small(images)[:, None] - self.means).mean(axis=2)
        scores = np.exp(-gaps / 1000) + 1e-6
        return {"label": (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)}

    def save(self, directory: Path) -> None:
        np.save(directory / "means.npy", self.means)

    def load(self, directory: Path) -> None:
        self.means = np.load(directory / "means.npy")

    @staticmethod
    def small(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        side = images.shape[1] // 8
        cut = images[:, : side * 8, : side * 8].astype(np.float64)
        return cut.reshape(len(images), 8, side, 8, side).mean(axis=(2, 4)).reshape(-1, 64)


class PlainForest(Plain):
    """Honest: draws from NumPy's global generator, as scikit-learn does without a seed."""

    def fit(self, train: LabelledImages, val: LabelledImages, context: FitContext) -> None:
        super().fit(train, val, context)
        self.means = self.means + np.random.normal(0, 1, self.means.shape)


class PlainLogits(Plain):
    def predict(self, images: NDArray[np.uint8]) -> Predictions:
        return {"label": 3 * super().predict(images)["label"]}


class PlainBatch(Plain):
    def predict(self, images: NDArray[np.uint8]) -> Predictions:
        if len(images) == 1:
            return super().predict(images)
        return super().predict(np.flip(images, 0))


class PlainForgets(Plain):
    def load(self, directory: Path) -> None:
        self.means = np.zeros((self.classes, 64))


class PlainNeedsFit(Plain):
    fitted = False

    def fit(self, train: LabelledImages, val: LabelledImages, context: FitContext) -> None:
        super().fit(train, val, context)
        self.fitted = True

    def predict(self, images: NDArray[np.uint8]) -> Predictions:
        if not self.fitted:
            raise RuntimeError("fit() comes first")
        return super().predict(images)


class PlainDraws(Plain):
    def fit(self, train: LabelledImages, val: LabelledImages, context: FitContext) -> None:
        super().fit(train, val, context)
        self.means = self.means + np.random.default_rng().normal(0, 1, self.means.shape)
