"""The contracts of a method.

:class:`Method` is all that the harness asks for: fit, predict, save and load. :class:`TorchMethod`
is what nearly every plugin writes instead: a network and a forward pass, trained by the harness's
own loop (:mod:`harness.training.fit.loop`) like every other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.specs import TargetSpec, TaskSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

Predictions = Mapping[str, NDArray[np.float32]]
"""Per target, probabilities: ``classes`` [B, C]; ``binary-mask`` [B, H, W], any H and W."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All that a method may know before it sees data."""

    task: str
    targets: Mapping[str, TargetSpec]
    """Targets by name; the ``names`` of a ``classes`` target are the dataset's classes."""
    image_size: int
    """Pixels per side that the protocol asks for."""
    weights: Literal["pretrained", "random"]
    """What the network starts from."""
    weights_files: Mapping[str, Path]
    """File name of the weights card -> the file on this machine; empty for random weights."""
    seed: int
    """The cell's. NumPy's global generator is seeded from it before the method is made, and torch's
    before ``build``; whatever else a method draws from (:mod:`random`, a generator or a
    ``random_state`` of its own) it seeds with this number."""

    @classmethod
    def of_task(
        cls,
        task: TaskSpec,
        classes: Sequence[str],
        *,
        image_size: int,
        seed: int,
        weights_files: Mapping[str, Path] | None = None,
    ) -> Problem:
        """The problem that a task is on a dataset.

        Args:
            classes: the dataset's; of targets whose spec names none.
            image_size: pixels per side.
            weights_files: file name of the weights card -> file; none for random weights.
        """
        targets = {
            target.name: replace(target, names=target.names or tuple(classes))
            if target.kind == "classes"
            else target
            for target in task.targets
        }
        return cls(
            task=task.name,
            targets=targets,
            image_size=image_size,
            weights="pretrained" if weights_files else "random",
            weights_files=weights_files or {},
            seed=seed,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the one ``classes`` target; empty where there is none."""
        for target in self.targets.values():
            if target.kind == "classes":
                return target.names
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """What images a network expects."""

    size: int
    """Pixels per side. Where it differs from the protocol's, the table marks it."""
    mean: tuple[float, ...]
    """Per channel, of images scaled to [0, 1]; its length is the number of channels (1 or 3)."""
    std: tuple[float, ...]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Per channel, of the colour images that most weights were made from, scaled to [0, 1]."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""As :data:`IMAGENET_MEAN`, the standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of training with its own set of trainable parameters."""

    name: str = "train"
    share_of_epochs: float = 1.0
    """Share of the protocol's epochs, in (0, 1]; the shares of all stages sum to 1. Rounded to
    whole epochs, it may be none: the stage is left out then."""
    trainable: Callable[[nn.Module], Iterable[str]] | None = None
    """Names of the parameters that train; None trains all. What it leaves out is frozen: no
    gradients, out of the optimiser, normalisation statistics fixed."""
    lr_scale: float = 1.0
    """Factor of the protocol's learning rate."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one batch, on the device."""

    images: Tensor
    """float32 [B, channels, size, size], normalised; or the prefix's output where it is frozen."""
    targets: Mapping[str, Tensor]
    """``label`` int64 [B]; ``mask`` float32 [B, 1, size, size] in {0, 1}."""
    present: Mapping[str, Tensor | None]
    """Per target, positions int64 [K] of the samples that have it; None where all do."""


class TorchMethod(ABC):
    """A network that the harness trains.

    A subclass is constructed as ``factory(problem, **params)``. Its ``build`` makes the network
    with the global random generator, which the harness has seeded from the cell.
    """

    stages: Sequence[Stage] = (Stage(),)
    convolutional: bool = False
    """Whether convolutions take most of its time. On a CPU, such a network is given its images, and
    keeps its weights, with the channels last: small ones take 0.7 to 0.9 of the time with it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @property
    def input(self) -> InputSpec:
        """Images that the network expects; ImageNet's statistics at the protocol's size."""
        return InputSpec(size=self.problem.image_size, mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def skip(self) -> str | None:
        """A reason not to run here, or None."""
        return None

    @abstractmethod
    def build(self) -> nn.Module:
        """The network with its initial weights, on the CPU."""

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        """Logits per target of ``images`` [B, channels, size, size]: ``label`` [B, C], ``mask``
        [B, 1, size, size]. Default: what the network returns, for a task with one target.

        Raises:
            HarnessError: the task has several targets, and this is not overridden.
        """
        if len(self.problem.targets) > 1:
            raise HarnessError(
                f"{type(self).__name__} must have a forward() that returns the logits of "
                f"{', '.join(self.problem.targets)}"
            )
        (name,) = self.problem.targets
        return {name: module(images)}

    def loss(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Terms whose sum is minimised, one scalar each. Default: the task's losses, each over the
        samples that have the target. ``outputs`` are float32. Also called on the validation part,
        in evaluation mode and without gradients, to rank epochs of equal scores."""
        from harness.tasks.losses import task_losses

        return task_losses(self.problem.targets, outputs, batch.targets, batch.present)

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        """``(prefix, suffix)`` with ``suffix(prefix(images)) == forward(module, images)`` and every
        parameter of ``prefix`` frozen in ``stage``; None where there is no such boundary.

        ``prefix`` maps images to one tensor [B, ...] and treats samples independently. The harness
        may compute it once for the whole stage.
        """
        return None


class LabelledImages(Protocol):
    """A part of the split, as a :class:`Method` without torch sees it."""

    @property
    def ids(self) -> Sequence[str]:
        """Names of the images, unique in the dataset."""
        ...

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Grey images [N, size, size]."""
        ...

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class index per image, [N]."""
        ...

    @property
    def masks(self) -> NDArray[np.bool_] | None:
        """Reference masks at the images' size [N, size, size]; None where the task has none."""
        ...

    @property
    def has_mask(self) -> NDArray[np.bool_]:
        """Which images have a reference mask, [N]; the others' are all False."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FitContext:
    """What a :class:`Method` may use while it trains; its seed is :attr:`Problem.seed`."""

    epochs: int
    """Of the protocol; what an epoch is, the method knows."""
    batch_size: int
    learning_rate: float
    device: str
    """``"cpu"`` or ``"cuda:N"``."""
    threads: int
    """Threads that it may use."""
    directory: Path
    """A folder of its own for scratch files, removed when the cell ends."""
    report: Callable[[Mapping[str, float]], None]
    """Adds one line of values to the history, e.g. after an epoch."""


@runtime_checkable
class Method(Protocol):
    """Anything that learns from labelled images and predicts from images alone."""

    def skip(self) -> str | None:
        """A reason not to run here, or None."""
        ...

    def fit(self, train: LabelledImages, val: LabelledImages, context: FitContext) -> None:
        """Learn from ``train``; ``val`` is for choosing, e.g. when to stop. Their arrays are
        read-only."""
        ...

    def predict(self, images: NDArray[np.uint8]) -> Predictions:
        """Probabilities of grey images uint8 [B, size, size]: no labels, masks or sources."""
        ...

    def save(self, directory: Path) -> None:
        """Write all that ``predict`` needs into the folder."""
        ...

    def load(self, directory: Path) -> None:
        """Read what ``save`` has written; predictions are then the same."""
        ...
