"""Drives a :class:`TorchMethod`: build, the one loop, predictions, fixed forward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import cycle
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.results.record import ActivationsRecord, EpochRecord
from harness.seeds import derive_seed
from harness.training.batches import Batches, Part, in_order
from harness.training.fit.checkpoint import Checkpoints
from harness.training.fit.loop import Training, Validate, epoch_steps, fit, stepper
from harness.training.fit.network_size import measure_size
from harness.training.fit.outputs import as_probabilities, collect
from harness.training.fit.runner import Fitted, Outputs, Parts, Rounding, Score, Setting, Size
from harness.training.fit.soft_dice import soft_overlap
from harness.training.fit.stage_inputs import Logits, View, Views, synchronise
from harness.training.fit.stages import spans, stage_of
from harness.training.fit.step import Stepper
from harness.training.fit.validation_loss import ValidationLoss
from harness.training.frozen.freeze import normalises_batches, set_train_mode, trainable_names
from harness.training.memory_format import channels_last
from harness.training.method import InputSpec, TorchMethod
from harness.training.promises.agreement import check_independent
from harness.training.promises.contract import Unchanged
from harness.training.rows import Budget

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TorchRunner:
    """See :class:`harness.training.fit.runner.Runner`."""

    trains_by_epochs = True

    def __init__(self, method: TorchMethod, setting: Setting) -> None:
        self._method = method
        self._setting = setting
        self._device = torch.device(setting.device)
        self._checkpoints = Checkpoints(setting.directory / "checkpoint")
        self._module: nn.Module = nn.Identity()
        self._views: Views | None = None
        self._learned: Unchanged | None = None
        self._val: Batches | None = None
        self._stage = method.stages[-1]
        """Whose view the final predictions take."""
        self._told = False
        """Whether the history says that the method's loss fails on the validation part."""
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

    def fit(self, parts: Parts, score: Score) -> Fitted:
        def validate(logits: Logits) -> dict[str, float]:
            return score(self._predicted(logits, training.val))

        training = self._training(parts, validate)
        progress = fit(training)
        plan = spans(self._method.stages, self._module, self._setting.protocol.epochs)
        # The way of the stage that trained the weights: its frozen prefix is theirs, also where a
        # later stage has trained on.
        self._stage = stage_of(plan, progress.best_epoch)
        view = training.views.of(self._stage)
        view.note(progress.activations, self._stage)
        self._activations = progress.activations
        self._val = training.val
        self._learned = Unchanged(self._module, self._module.state_dict())
        return Fitted(
            epochs=cast("list[EpochRecord]", progress.epochs),
            best_epoch=progress.best_epoch,
            best_val=progress.best_val,
            rounding=self._rounding(view, progress.resumed),
            resumed=progress.resumed,
        )

    def _rounding(self, view: View, resumed: int) -> Rounding:
        """Activations may be kept elsewhere by now, and a resumed cell be on another processor."""
        if self._setting.precision != "fp32":
            return "half"
        same = self._device.type == "cpu" and view.boundary is None and not resumed
        return "none" if same else "float32"

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

    def predict(self, part: Part, *, loss: bool = False) -> Outputs:
        assert self._views is not None, "a cell fits before it predicts"
        batches = self._batches(part)
        return self._predicted(self._views.of(self._stage).logits(batches), batches, loss=loss)

    def _predicted(self, logits: Logits, batches: Batches, *, loss: bool = True) -> Outputs:
        # Its random draws, if any, are the same after every epoch and in the end.
        torch.manual_seed(derive_seed("prediction", self._setting.seed))
        losses = ValidationLoss(self._method, batches) if loss else None
        watch = None if losses is None else losses.add
        part = batches.part
        outputs = self._collect(logits(self._chunks(part), watch), part)
        if losses is None:
            return outputs
        if losses.failure is not None and not self._told:
            self._told = True
            self._setting.report({"event": "no_validation_loss", "reason": losses.failure})
        return replace(outputs, loss=losses.mean())

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
                found = as_probabilities(self._logits(batches.images(rows)), targets)
                probabilities = {name: values.cpu().numpy() for name, values in found.items()}
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

    def smaller_batches(self) -> str:
        sees = any(normalises_batches(self._module, stage) for stage in self._method.stages)
        advice = "try --micro-batch with a smaller number"
        if not sees:
            return f"{advice}: the gradients add up to the same batch"
        return (
            f"{advice}; the method has batch normalisation, which then sees fewer images at a "
            "time: this trains differently than without it, and the table says so"
        )

    def finish(self) -> None:
        if self._learned is not None:
            self._learned.check("after training", "nothing trains them any longer")
            self._check_independent()
        keep = self._setting.keep_checkpoints
        if keep == "none" or not self._trains():
            self._checkpoints.drop_best()
        elif not self._setting.protocol.time_only:
            self._checkpoints.keep(self._module)
        if keep != "all":
            self._checkpoints.drop_last()

    def _check_independent(self) -> None:
        assert self._val is not None, "what has learned was validated"
        protocol = self._setting.protocol
        first = min(protocol.micro_batch or protocol.batch_size, len(self._val))
        check_independent(self._method, self._module, self._val.images(torch.arange(first)))

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

    def _collect(
        self, outputs: Iterable[Mapping[str, Tensor]], part: Part | None = None
    ) -> Outputs:
        soft = None if part is None else soft_overlap(part, self.input.size)
        return collect(outputs, self._setting.problem.targets, self._setting.mask_grid, soft)


def _never(_: Logits) -> dict[str, float]:
    raise AssertionError("nothing is validated where only time is measured")
