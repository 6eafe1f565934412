"""One optimiser step of a stage, and how its forward pass is compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from harness.training.batches import Batches
from harness.training.fit.stage_inputs import Forward, View
from harness.training.frozen.freeze import set_train_mode
from harness.training.method import Batch, Stage, TorchMethod
from harness.training.promises.contract import check_loss, check_outputs

Chunk = tuple[Tensor, Tensor | None]
"""Rows of the part, int64 [B] on the CPU, and which of them are mirrored, bool [B]."""

Shares = Mapping[str, float]
"""Per target, the share [0, 1] of a batch's samples with that target that a chunk has; under the
empty name, its share of all samples."""


class Stepper:
    """The optimiser of one stage and what it needs for a step.

    Args:
        method: gives the loss.
        module: in train mode where it trains, see :func:`set_train_mode`.
        stage: scales the learning rate.
        parameters: what the stage trains.
        view: how the stage turns rows into logits.
        train: targets, and the part that rows are of.
        learning_rate, weight_decay: of Adam, the decay coupled.
        flips: whether mirrored images will be asked for.
        scaled: whether the loss is scaled, for fp16.
        autocast: opens the precision of a forward pass.
    """

    def __init__(
        self,
        method: TorchMethod,
        module: nn.Module,
        stage: Stage,
        parameters: list[nn.Parameter],
        view: View,
        train: Batches,
        *,
        learning_rate: float,
        weight_decay: float,
        flips: bool,
        scaled: bool,
        autocast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._method = method
        self._module = module
        self._train = train
        self._autocast = autocast
        self._targets = method.problem.targets
        self._unchecked = True
        self._forward: Forward = view.forward
        self.inputs = view.inputs(train, flips=flips)
        self.optimizer = torch.optim.Adam(
            parameters,
            lr=learning_rate * stage.lr_scale,
            weight_decay=weight_decay,
            fused=True,
        )
        self.scaler = torch.amp.GradScaler(train.device.type) if scaled else None

    def state(self) -> dict[str, Any]:
        """Of the optimiser, and of the scaler where there is one."""
        scaler = None if self.scaler is None else self.scaler.state_dict()
        return {"optimizer": self.optimizer.state_dict(), "scaler": scaler}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Resume from a :meth:`state`."""
        self.optimizer.load_state_dict(saved["optimizer"])
        for parameter, state in self.optimizer.state.items():
            for name, value in state.items():
                if value.shape == parameter.shape:
                    state[name] = _laid_out(value, parameter)
        if self.scaler is not None:
            self.scaler.load_state_dict(saved["scaler"])

    def compile(self, step: Sequence[Chunk]) -> None:
        """Compile the forward and backward pass, on the shapes of ``step``; changes no state."""
        self._forward = torch.compile(self._forward)
        buffers = {name: value.clone() for name, value in self._module.named_buffers()}
        set_train_mode(self._module)
        for chunk in step:
            self._loss(self.batch(chunk)).backward()  # type: ignore[no-untyped-call]
        self.optimizer.zero_grad(set_to_none=True)
        for name, value in self._module.named_buffers():
            value.copy_(buffers[name])

    def batch(self, chunk: Chunk) -> Batch:
        """The samples of a chunk, ready on the device."""
        rows, flipped = chunk
        return self._train.batch(rows, flipped, self.inputs(rows, flipped))

    def __call__(self, step: Sequence[Chunk], take: Callable[[Chunk], Batch]) -> Tensor:
        """Take one step over the samples of all chunks; their mean loss, on the device.

        Several chunks add up to the gradient of the whole batch: a term of the loss that bears a
        target's name is weighed by the samples of the chunk that have the target, any other by its
        samples. Batch normalisation still sees one chunk at a time.

        Args:
            step: the chunks of the batch.
            take: makes a chunk's batch; :meth:`batch`, perhaps timed.
        """
        losses = []
        self.optimizer.zero_grad(set_to_none=True)
        for chunk, shares in zip(step, self._shares(step), strict=True):
            loss = self._loss(take(chunk), shares)
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _shares(self, step: Sequence[Chunk]) -> Sequence[Shares | None]:
        """What each chunk contributes to the batch's means; None where it is the whole batch."""
        if len(step) == 1:
            return [None]
        counts = [{"": len(rows), **self._train.samples(rows)} for rows, _ in step]
        totals = {name: sum(count[name] for count in counts) for name in counts[0]}
        return [{name: c[name] / max(totals[name], 1) for name in totals} for c in counts]

    def _loss(self, batch: Batch, shares: Shares | None = None) -> Tensor:
        with self._autocast():
            outputs = self._forward(batch.images)
        if self._unchecked:
            check_outputs(outputs, self._targets, len(batch.images))
        terms = self._method.loss({name: o.float() for name, o in outputs.items()}, batch)
        if self._unchecked:
            check_loss(terms)
            self._unchecked = False
        if shares is not None:
            terms = {name: term * shares.get(name, shares[""]) for name, term in terms.items()}
        first, *others = terms.values()
        return sum(others, start=first).float()


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """The values in memory as the parameter's: fused Adam takes that for granted."""
    if value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
