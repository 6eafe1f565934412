"""One face for the two kinds of method inside a cell: trained by the harness, or by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from typing import Protocol as TypingProtocol

import numpy as np
from numpy.typing import NDArray

from harness.protocol import Precision, Protocol
from harness.results.record import ActivationsRecord, EpochRecord, StageRecord
from harness.training.batches import Part
from harness.training.clock import Clock
from harness.training.frozen.placement import Sharing
from harness.training.method import InputSpec, Problem


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the cell has decided before its method runs."""

    problem: Problem
    protocol: Protocol
    device: str
    threads: int
    precision: Precision
    seed: int
    directory: Path
    """The cell's folder."""
    clock: Clock
    report: Callable[[Mapping[str, Any]], None]
    """Appends a line to the history."""
    mask_grid: int | None
    """Pixels per side of the grid that masks are scored on."""
    higher_is_better: bool = True
    """Of the primary metric, by which the best epoch is chosen."""
    sharing: Sharing
    """Where activations of frozen layers are kept."""
    device_budget: int | None = None
    """Bytes of the GPU's memory for images and activations; None: half of what is free."""
    keep_checkpoints: Literal["none", "best", "all"] = "best"
    """Of a finished cell: nothing, the weights it predicted with, or everything."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The images of a cell."""

    train: Part
    val: Part
    every: Part
    """All images that a cell of this split may use, whatever its train fraction."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Predictions of one part, ready for a prediction file."""

    probabilities: NDArray[np.float32] | None = None
    """Class probabilities [N, C]."""
    mask_bits: NDArray[np.uint8] | None = None
    """Thresholded masks on the native grid, packed: [N, ceil(grid * grid / 8)]."""
    mask_sums: NDArray[np.float64] | None = None
    """Sums over each image, [N, 3]; see :class:`harness.training.fit.soft_dice.SoftOverlap`."""
    loss: float | None = None
    """The method's loss, in float32 and averaged over the samples that have each target; None where
    it was not asked for, is not finite, or the method has none."""


Rounding = Literal["none", "float32", "half"]
"""Between two predictions of the same images by the same weights: ``none`` on a CPU by the same
operations in one process, else that of the arithmetic used."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What training took."""

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int | None = None
    best_val: Mapping[str, float] | None = None
    """Metrics of the best epoch on the validation part; None where no epoch was selected."""
    rounding: Rounding = "none"
    """How the final predictions may differ from those that the best epoch was selected by."""
    resumed: int = 0


Score = Callable[[Outputs], dict[str, float]]
"""Metrics of the predictions of the validation part, as in ``val`` of the history."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a method is; None where the question makes no sense for it."""

    parameters_total: int | None = None
    parameters_trainable: int | None = None
    flops_per_image: int | None = None
    stages: tuple[StageRecord, ...] = ()
    """How training went, where the harness did it."""


class Runner(TypingProtocol):
    """A method that has been constructed, and how the cell drives it."""

    @property
    def trains_by_epochs(self) -> bool:
        """Whether the harness trains it, and scores the validation part after every epoch."""
        ...

    @property
    def input(self) -> InputSpec: ...

    @property
    def activations(self) -> Mapping[str, ActivationsRecord]:
        """By stage: what happened to the activations at its frozen boundary."""
        ...

    def build(self) -> None:
        """Make the network, where there is one."""
        ...

    def fit(self, parts: Parts, score: Score) -> Fitted:
        """Learn; ``score`` gives the metrics of predictions of the validation part."""
        ...

    def predict(self, part: Part, *, loss: bool = False) -> Outputs:
        """Predictions of a part; with ``loss``, which looks at the part's targets, its loss too."""
        ...

    def load(self) -> None:
        """Load what a finished cell has kept, instead of ``fit``; after ``build``.

        Raises:
            HarnessError: the cell has learned something but kept nothing, or other files.
        """
        ...

    def probabilities(self, part: Part) -> Iterator[Mapping[str, NDArray[np.float32]]]:
        """Batch by batch and per target, of a method that has been loaded: of the classes [B, C];
        of the mask [B, H, W] at the method's own size."""
        ...

    def training_step(self, parts: Parts) -> Callable[[], None] | None:
        """A function that takes one step of training, the next at every call, until it is done;
        None where the harness trains nothing. Of several stages, the last that trains."""
        ...

    def forward_fixed(self, batch_size: int) -> Callable[[], None]:
        """A function that runs the model alone once, on a fixed input, until it is done."""
        ...

    def end_to_end(self, part: Part) -> Callable[[], None]:
        """A function that predicts one batch of a part, from stored pixels to what a prediction
        file holds, the next batch at every call; nothing computed earlier is used."""
        ...

    def size(self) -> Size: ...

    def smaller_batches(self) -> str:
        """Advice on training with less memory; empty where the harness has none."""
        ...

    def finish(self) -> None:
        """Leave what is kept of a finished cell, and nothing else."""
        ...
