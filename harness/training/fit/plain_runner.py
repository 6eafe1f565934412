"""Drives a plain :class:`Method`, which trains itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import cycle
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import HarnessError, said
from harness.results.record import ActivationsRecord, EpochRecord
from harness.runtime.stopwatch import Stopwatch, Taken
from harness.training.batches import Part
from harness.training.fit.checkpoint import TRAIN_AGAIN, nothing_kept
from harness.training.fit.outputs import gathered
from harness.training.fit.runner import Fitted, Outputs, Parts, Score, Setting, Size
from harness.training.fit.soft_dice import SoftOverlap, soft_overlap
from harness.training.method import FitContext, InputSpec, Method
from harness.training.promises.contract import ContractError, check_probabilities, kind

Scalar = TypeVar("Scalar", bound=np.generic)

CHUNK = 256
"""Images that ``predict`` is handed at once."""


def _chunks(part: Part) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(part), CHUNK):
        yield part.images[part.indices[start : start + CHUNK]]


class _Labelled:
    """A part as a method sees it, a ``LabelledImages``: copies of its own images, labels and masks
    that cannot be written to, and nothing of any other part."""

    def __init__(self, part: Part) -> None:
        self.ids = part.ids
        self.labels = _locked(part.labels.copy())
        self.has_mask = _locked(part.has_mask.copy())
        indices = _locked(part.indices.copy())
        self._part = replace(part, indices=indices, labels=self.labels, has_mask=self.has_mask)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        return _locked(self._part.images[self._part.indices])

    @cached_property
    def masks(self) -> NDArray[np.bool_] | None:
        masks = self._part.masks
        return None if masks is None else _locked(masks)


def _locked(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.setflags(write=False)
    return array


class PlainRunner:
    """See :class:`harness.training.fit.runner.Runner`."""

    trains_by_epochs = False

    def __init__(self, method: Method, setting: Setting) -> None:
        self._method = method
        self._setting = setting

    @property
    def input(self) -> InputSpec:
        return InputSpec(size=self._setting.problem.image_size, mean=(0.0,), std=(1.0,))

    @property
    def activations(self) -> Mapping[str, ActivationsRecord]:
        return {}

    def build(self) -> None:
        """A plain method has been built by its factory."""

    def fit(self, parts: Parts, score: Score) -> Fitted:
        taken = self._learn(parts)
        with self._setting.clock.bucket("validate"):
            watch = Stopwatch()
            metrics = score(self.predict(parts.val))
            validated = watch.read()
        seconds = taken["wall_seconds"]
        self._setting.report({"event": "fitted", "train_seconds": seconds, "val": metrics})
        epoch: EpochRecord = {
            "stage": "train",
            "images": len(parts.train),
            "data_wait_seconds": 0.0,
            "train": taken,
            "validate": validated,
        }
        return Fitted(epochs=[epoch])

    def training_step(self, parts: Parts) -> None:
        """None, as a plain method trains itself: now, so that it can be asked to predict."""
        self._learn(parts)

    def _learn(self, parts: Parts) -> Taken:
        """What the method took to train itself."""
        setting = self._setting
        scratch = setting.directory / "scratch"
        scratch.mkdir(exist_ok=True)
        context = FitContext(
            epochs=setting.protocol.epochs,
            batch_size=setting.protocol.batch_size,
            learning_rate=setting.protocol.learning_rate,
            device=setting.device,
            threads=setting.threads,
            directory=scratch,
            report=self._report,
        )
        with setting.clock.bucket("train"):
            watch = Stopwatch()
            self._method.fit(_Labelled(parts.train), _Labelled(parts.val), context)
            taken = watch.read()
        shutil.rmtree(scratch)
        return taken

    def _report(self, figures: Mapping[str, float]) -> None:
        self._setting.report({**figures, "event": "figures"})

    def predict(self, part: Part, *, loss: bool = False) -> Outputs:
        return self._outputs(_chunks(part), soft_overlap(part, self.input.size))

    def load(self) -> None:
        directory = self._setting.directory / "checkpoint"
        if not directory.is_dir():
            raise HarnessError(nothing_kept(directory))
        try:
            self._method.load(directory)
        except Exception as error:
            raise HarnessError(
                f"{directory}: the method cannot load its files ({said(error)}); {TRAIN_AGAIN}"
            ) from error

    def probabilities(self, part: Part) -> Iterator[Mapping[str, NDArray[np.float32]]]:
        yield from self._predicted(_chunks(part))

    def _predicted(
        self, chunks: Iterable[NDArray[np.uint8]]
    ) -> Iterator[Mapping[str, NDArray[np.float32]]]:
        for pixels in chunks:
            predicted = self._method.predict(pixels)
            targets = self._setting.problem.targets
            yield {name: self._checked(name, predicted, len(pixels)) for name in targets}

    def _outputs(
        self, chunks: Iterable[NDArray[np.uint8]], soft: SoftOverlap | None = None
    ) -> Outputs:
        batches = (
            {name: torch.from_numpy(values) for name, values in batch.items()}
            for batch in self._predicted(chunks)
        )
        return gathered(batches, self._setting.problem.targets, self._setting.mask_grid, soft)

    def _checked(
        self, name: str, predicted: Mapping[str, NDArray[np.float32]], count: int
    ) -> NDArray[np.float32]:
        if not isinstance(predicted, Mapping):
            raise ContractError(
                f"predict() returned {kind(predicted)}; expected a mapping with an array for each "
                f"of {', '.join(map(repr, self._setting.problem.targets))}"
            )
        if name not in predicted:
            raise ContractError(
                f"predict() returned {sorted(predicted)}; the task also needs {name!r}"
            )
        values = np.asarray(predicted[name], dtype=np.float32)
        target = self._setting.problem.targets[name]
        classes = target.kind == "classes"
        expected = f"[{count}, {len(target.names)}]" if classes else f"[{count}, height, width]"
        right = values.shape == (count, len(target.names)) if classes else values.ndim == 3
        if not right or len(values) != count:
            raise ContractError(
                f"predict() returned {name!r} of shape {list(values.shape)}; expected "
                f"probabilities of shape {expected}"
            )
        check_probabilities(name, values, target)
        return values

    def end_to_end(self, part: Part) -> Callable[[], None]:
        size = self._setting.protocol.batch_size
        starts = cycle(range(0, max(1, len(part) - size + 1), size))

        def run() -> None:
            start = next(starts)
            self._outputs([part.images[part.indices[start : start + size]]])

        return run

    def forward_fixed(self, batch_size: int) -> Callable[[], None]:
        size = self._setting.problem.image_size
        pixels = np.random.default_rng(0).integers(0, 256, (batch_size, size, size), dtype=np.uint8)

        def run() -> None:
            self._method.predict(pixels)

        return run

    def size(self) -> Size:
        return Size()

    def smaller_batches(self) -> str:
        """Empty, as a plain method trains itself."""
        return ""

    def finish(self) -> None:
        if self._setting.keep_checkpoints == "none":
            return
        directory = self._setting.directory / "checkpoint"
        directory.mkdir(exist_ok=True)
        self._method.save(directory)
