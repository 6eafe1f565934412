"""Drives a :class:`TorchMethod`: build, the one loop, predictions, fixed forward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import cycle
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.data.batches import Batches, Part, in_order
from harness.data.rows import Budget
from harness.results.record import ActivationsRecord, EpochRecord
from harness.seeds import derive_seed
from harness.training.checkpoint import Checkpoints
from harness.training.freeze import set_train_mode, trainable_names
from harness.training.layout import channels_last
from harness.training.loop import Training, Validate, epoch_steps, fit, stepper
from harness.training.method import InputSpec, TorchMethod
from harness.training.outputs import as_probabilities, collect
from harness.training.runner import Fitted, Outputs, Parts, Setting, Size
from harness.training.sizes import measure_size
from harness.training.step import Stepper
from harness.training.views import Logits, Views, synchronise

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TorchRunner:
    """See :class:`harness.training.runner.Runner`."""

    def __init__(self, method: TorchMethod, setting: Setting) -> None:
        self._method = method
        self._setting = setting
        self._device = torch.device(setting.device)
        self._checkpoints = Checkpoints(setting.directory / "checkpoint")
        self._module: nn.Module = nn.Identity()
        self._views: Views | None = None
        self._activations: dict[str, ActivationsRecord] = {}
        self._budget = Budget(self._device, setting.device_budget)
        self._batch_size = setting.protocol.batch_size
        self._channels_last = channels_last(
            method, setting.protocol, setting.device, setting.precision
        )

    @property
    def input(self) -> InputSpec:
        return self._method.input

    @property
    def activations(self) -> Mapping[str, ActivationsRecord]:
        return self._activations

    def build(self) -> None:
        torch.manual_seed(derive_seed("init", self._setting.seed))
        module = self._method.build().to(self._device).eval()
        if self._channels_last:
            module = module.to(memory_format=torch.channels_last)
        self._module = module

    def fit(self, parts: Parts, score: Callable[[Outputs], dict[str, float]]) -> Fitted:
        def validate(logits: Logits) -> dict[str, float]:
            return score(self._collect(logits(self._chunks(parts.val))))

        training = self._training(parts, validate)
        progress = fit(training)
        # Predictions take the way of the last stage, also where it trains nothing.
        last = self._method.stages[-1]
        training.views.of(last).note(progress.activations, last)
        self._activations = progress.activations
        return Fitted(
            epochs=cast("list[EpochRecord]", progress.epochs),
            best_epoch=progress.best_epoch,
            resumed=progress.resumed,
        )

    def training_step(self, parts: Parts) -> Callable[[], None] | None:
        training = self._training(parts, validate=_never)
        for stage in reversed(self._method.stages):
            take_step = stepper(training, stage)
            if take_step is not None:
                training.views.of(stage).note(self._activations, stage)
                return self._stepping(training, take_step)
        return None

    def _stepping(self, training: Training, take_step: Stepper) -> Callable[[], None]:
        steps = epoch_steps(training, 0)
        if training.protocol.compile:
            with self._setting.clock.bucket("compile"):
                take_step.compile(steps[0])
        set_train_mode(self._module)
        coming = cycle(steps)

        def run() -> None:
            take_step(next(coming), take_step.batch)
            synchronise(self._device)

        return run

    def _training(self, parts: Parts, validate: Validate) -> Training:
        setting = self._setting
        self._views = self._make_views(parts.every)
        return Training(
            method=self._method,
            module=self._module,
            protocol=setting.protocol,
            train=self._batches(parts.train),
            val=self._batches(parts.val),
            validate=validate,
            checkpoints=self._checkpoints,
            clock=setting.clock,
            report=setting.report,
            seed=setting.seed,
            device=self._device,
            precision=setting.precision,
            views=self._views,
            higher_is_better=setting.higher_is_better,
        )

    def _make_views(self, every: Part) -> Views:
        setting = self._setting
        return Views(
            method=self._method,
            module=self._module,
            images=every,
            channels_last=self._channels_last,
            protocol=setting.protocol,
            autocast=self._autocast,
            budget=self._budget,
            clock=setting.clock,
            sharing=setting.sharing,
        )

    def predict(self, part: Part) -> Outputs:
        assert self._views is not None, "a cell fits before it predicts"
        view = self._views.of(self._method.stages[-1])
        return self._collect(view.logits(self._batches(part))(self._chunks(part)))

    def _chunks(self, part: Part) -> list[Tensor]:
        """All rows of a part, in order, by batches."""
        return list(in_order(len(part), self._batch_size))

    def load(self) -> None:
        if self._trains():
            self._checkpoints.load_finished(self._module, self._device)
        self._module.eval()

    def network(self) -> tuple[TorchMethod, nn.Module]:
        """The method, and the network that its ``forward`` takes."""
        return self._method, self._module

    def probabilities(self, part: Part) -> Iterator[Mapping[str, NDArray[np.float32]]]:
        batches, chunks = self._batches(part), self._chunks(part)
        batches.announce(chunks)
        targets = self._setting.problem.targets
        for rows in chunks:
            with torch.inference_mode():
                probabilities = as_probabilities(self._logits(batches.images(rows)), targets)
            yield probabilities

    def end_to_end(self, part: Part) -> Callable[[], None]:
        batches = self._batches(part)
        full = in_order(max(len(part) - len(part) % self._batch_size, 1), self._batch_size)
        coming = cycle(list(full))
        self._module.eval()

        def run() -> None:
            self._collect(self._logits(batches.images(rows)) for rows in [next(coming)])

        return run

    def forward_fixed(self, batch_size: int) -> Callable[[], None]:
        images = self._noise(batch_size)
        self._module.eval()

        def run() -> None:
            with torch.inference_mode():
                self._logits(images)
            synchronise(self._device)

        return run

    def _noise(self, batch_size: int) -> Tensor:
        """Images [B, channels, size, size] that are the same every time."""
        spec, generator = self.input, torch.Generator().manual_seed(0)
        shape = (batch_size, len(spec.mean), spec.size, spec.size)
        images = torch.randn(shape, generator=generator).to(self._device)
        if self._channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images

    def size(self) -> Size:
        self._module.eval()
        images = self._noise(1)
        return measure_size(
            self._module,
            self._method.stages,
            self._setting.protocol,
            lambda: self._logits(images),
        )

    def _trains(self) -> bool:
        """Whether any stage trains anything."""
        return any(trainable_names(self._module, stage) for stage in self._method.stages)

    def finish(self) -> None:
        keep = self._setting.keep_checkpoints
        if keep == "none" or not self._trains():
            self._checkpoints.drop_best()
        elif not self._setting.protocol.time_only:
            self._checkpoints.keep(self._module)
        if keep != "all":
            self._checkpoints.drop_last()

    def _batches(self, part: Part) -> Batches:
        return Batches(
            part,
            self.input,
            self._setting.problem.targets,
            self._budget,
            channels_last=self._channels_last,
        )

    def _logits(self, images: Tensor) -> Mapping[str, Tensor]:
        with self._autocast():
            return self._method.forward(self._module, images)

    def _autocast(self) -> AbstractContextManager[object]:
        """The precision of a forward pass."""
        dtype = AUTOCAST.get(self._setting.precision)
        return nullcontext() if dtype is None else torch.autocast(self._device.type, dtype=dtype)

    def _collect(self, outputs: Iterable[Mapping[str, Tensor]]) -> Outputs:
        return collect(outputs, self._setting.problem.targets, self._setting.mask_grid)


def _never(_: Logits) -> dict[str, float]:
    raise AssertionError("nothing is validated where only time is measured")
