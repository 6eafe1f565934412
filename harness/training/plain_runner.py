"""Drives a plain :class:`Method`, which trains itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data.batches import Part
from harness.errors import HarnessError
from harness.results.record import ActivationsRecord, EpochRecord
from harness.stopwatch import Stopwatch, Taken
from harness.training.checkpoint import TRAIN_AGAIN, nothing_kept
from harness.training.masks import pack_on_grid
from harness.training.method import FitContext, InputSpec, Method
from harness.training.runner import Fitted, Outputs, Parts, Setting, Size

CHUNK = 256
"""Images that ``predict`` is handed at once."""


class PlainRunner:
    """See :class:`harness.training.runner.Runner`."""

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

    def fit(self, parts: Parts, score: Callable[[Outputs], dict[str, float]]) -> Fitted:
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
            self._method.fit(parts.train, parts.val, context)
            taken = watch.read()
        shutil.rmtree(scratch)
        return taken

    def _report(self, figures: Mapping[str, float]) -> None:
        self._setting.report({"event": "figures", **figures})

    def predict(self, part: Part) -> Outputs:
        return self._outputs(part.pixels, CHUNK)

    def load(self) -> None:
        directory = self._setting.directory / "checkpoint"
        if not directory.is_dir():
            raise HarnessError(nothing_kept(directory))
        try:
            self._method.load(directory)
        except Exception as error:
            raise HarnessError(
                f"{directory}: the method cannot load what is there "
                f"({type(error).__name__}: {error}); {TRAIN_AGAIN}"
            ) from error

    def probabilities(self, part: Part) -> Iterator[Mapping[str, NDArray[np.float32]]]:
        for start in range(0, len(part), CHUNK):
            pixels = part.images[part.indices[start : start + CHUNK]]
            predicted = self._method.predict(pixels)
            targets = self._setting.problem.targets
            yield {name: self._checked(name, predicted, len(pixels)) for name in targets}

    def _outputs(self, images: NDArray[np.uint8], chunk: int) -> Outputs:
        probabilities: list[NDArray[np.float32]] = []
        bits: list[NDArray[np.uint8]] = []
        for start in range(0, len(images), chunk):
            pixels = images[start : start + chunk]
            predicted = self._method.predict(pixels)
            for name, target in self._setting.problem.targets.items():
                values = self._checked(name, predicted, len(pixels))
                if target.kind == "classes":
                    probabilities.append(values)
                else:
                    assert self._setting.mask_grid is not None
                    grid = self._setting.mask_grid
                    bits.append(pack_on_grid(torch.from_numpy(values), grid))
        return Outputs(
            probabilities=np.concatenate(probabilities) if probabilities else None,
            mask_bits=np.concatenate(bits) if bits else None,
        )

    def _checked(
        self, name: str, predicted: Mapping[str, NDArray[np.float32]], count: int
    ) -> NDArray[np.float32]:
        if name not in predicted:
            raise HarnessError(
                f"predict() returned {sorted(predicted)}; the task also needs {name!r}"
            )
        values = np.asarray(predicted[name], dtype=np.float32)
        target = self._setting.problem.targets[name]
        expected = (count, len(target.names)) if target.kind == "classes" else (count,)
        if values.shape[: len(expected)] != expected or not np.isfinite(values).all():
            raise HarnessError(
                f"predict() returned {name!r} of shape {values.shape}, or values that are not "
                f"finite; expected probabilities of shape {expected}"
            )
        return values

    def end_to_end(self, part: Part) -> Callable[[], None]:
        size = self._setting.protocol.batch_size
        starts = cycle(range(0, max(1, len(part) - size + 1), size))

        def run() -> None:
            start = next(starts)
            self._outputs(part.images[part.indices[start : start + size]], size)

        return run

    def forward_fixed(self, batch_size: int) -> Callable[[], None]:
        size = self._setting.problem.image_size
        pixels = np.random.default_rng(0).integers(0, 256, (batch_size, size, size), dtype=np.uint8)

        def run() -> None:
            self._method.predict(pixels)

        return run

    def size(self) -> Size:
        return Size()

    def finish(self) -> None:
        if self._setting.keep_checkpoints == "none":
            return
        directory = self._setting.directory / "checkpoint"
        directory.mkdir(exist_ok=True)
        self._method.save(directory)
