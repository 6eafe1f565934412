"""Drives a :class:`TorchMethod`: build, the one loop, predictions, fixed forward passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from harness.data.batches import Batches, Part, in_order
from harness.results.record import StageRecord
from harness.seeds import derive_seed
from harness.tasks.losses import activate
from harness.training.checkpoint import Checkpoints
from harness.training.loop import AUTOCAST, Training, epochs_per_stage, fit
from harness.training.masks import pack_on_grid
from harness.training.method import InputSpec, Stage, TorchMethod
from harness.training.runner import Fitted, Outputs, Setting, Size


class TorchRunner:
    """See :class:`harness.training.runner.Runner`."""

    def __init__(self, method: TorchMethod, setting: Setting) -> None:
        self._method = method
        self._setting = setting
        self._device = torch.device(setting.device)
        self._checkpoints = Checkpoints(setting.directory / "checkpoint")
        self._module: nn.Module = nn.Identity()

    @property
    def input(self) -> InputSpec:
        return self._method.input

    def build(self) -> None:
        torch.manual_seed(derive_seed("init", self._setting.seed))
        self._module = self._method.build().to(self._device).eval()

    def fit(self, train: Part, val: Part, score: Callable[[Outputs], dict[str, float]]) -> Fitted:
        setting = self._setting
        val_batches = self._batches(val)

        def validate(logits: Callable[[Tensor], Mapping[str, Tensor]]) -> dict[str, float]:
            return score(self._collect(len(val), logits))

        progress = fit(
            Training(
                method=self._method,
                module=self._module,
                protocol=setting.protocol,
                train=self._batches(train),
                val=val_batches,
                validate=validate,
                checkpoints=self._checkpoints,
                clock=setting.clock,
                report=setting.report,
                seed=setting.seed,
                device=self._device,
                precision=setting.precision,
                higher_is_better=setting.higher_is_better,
            )
        )
        return Fitted(
            epochs=progress.epochs, best_epoch=progress.best_epoch, resumed=progress.resumed
        )

    def predict(self, part: Part) -> Outputs:
        batches = self._batches(part)
        return self._collect(len(part), lambda rows: self._logits(batches.images(rows)))

    def forward_fixed(self, batch_size: int) -> Callable[[], None]:
        spec = self.input
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(
            batch_size, len(spec.mean), spec.size, spec.size, generator=generator
        ).to(self._device)

        def run() -> None:
            with torch.inference_mode():
                self._logits(images)
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)

        return run

    def size(self) -> Size:
        stages = self._method.stages
        counts = epochs_per_stage(stages, self._setting.protocol.epochs)
        with FlopCounterMode(display=False) as counter:
            self.forward_fixed(1)()
        return Size(
            parameters_total=sum(p.numel() for p in self._module.parameters()),
            parameters_trainable=self._count(set().union(*map(self._trainable, stages))),
            flops_per_image=counter.get_total_flops(),
            stages=tuple(map(self._record, stages, counts)),
        )

    def _trainable(self, stage: Stage) -> set[str]:
        if stage.trainable is None:
            return {name for name, _ in self._module.named_parameters()}
        return set(stage.trainable(self._module))

    def _count(self, names: set[str]) -> int:
        return sum(p.numel() for name, p in self._module.named_parameters() if name in names)

    def _record(self, stage: Stage, epochs: int) -> StageRecord:
        count = self._count(self._trainable(stage))
        return {
            "name": stage.name,
            "epochs": epochs if count else 0,
            "learning_rate": self._setting.protocol.learning_rate * stage.lr_scale,
            "parameters": count,
        }

    def finish(self) -> None:
        self._checkpoints.drop_last()

    def _batches(self, part: Part) -> Batches:
        return Batches(part, self.input, self._setting.problem.targets, self._device)

    def _logits(self, images: Tensor) -> Mapping[str, Tensor]:
        precision = self._setting.precision
        with torch.autocast(
            self._device.type, dtype=AUTOCAST.get(precision), enabled=precision in AUTOCAST
        ):
            return self._method.forward(self._module, images)

    @torch.inference_mode()
    def _collect(self, count: int, logits: Callable[[Tensor], Mapping[str, Tensor]]) -> Outputs:
        probabilities: list[NDArray[np.float32]] = []
        bits: list[NDArray[np.uint8]] = []
        for rows in in_order(count, self._setting.protocol.batch_size):
            outputs = logits(rows)
            for name, target in self._setting.problem.targets.items():
                values = activate(target, outputs[name])
                if target.kind == "classes":
                    probabilities.append(values.cpu().numpy())
                else:
                    assert self._setting.mask_grid is not None
                    bits.append(pack_on_grid(values.squeeze(1), self._setting.mask_grid))
        return Outputs(
            probabilities=np.concatenate(probabilities) if probabilities else None,
            mask_bits=np.concatenate(bits) if bits else None,
        )
