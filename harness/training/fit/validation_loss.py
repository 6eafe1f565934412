"""The loss of the validation part, from the outputs that its predictions are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from harness.errors import said
from harness.training.batches import Batches
from harness.training.method import Batch, TorchMethod


class ValidationLoss:
    """The method's own loss over a part, chunk by chunk, in float32.

    A term named after a target is averaged over the samples that have it, any other over all, so
    how the part is cut into chunks does not matter for losses that are means.
    """

    def __init__(self, method: TorchMethod, part: Batches) -> None:
        self._method = method
        self._part = part
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self.failure: str | None = None
        """Why there is no loss: the method's has raised this."""

    def add(self, rows: Tensor, inputs: Tensor, outputs: Mapping[str, Tensor]) -> None:
        """Count a chunk: its rows, what the network was given, and its logits."""
        if self.failure is not None:
            return
        batch = self._part.batch(rows, None, inputs)
        try:
            # Copies: these outputs become predictions, whatever the loss writes into its own.
            own = {name: o.to(torch.float32, copy=True) for name, o in outputs.items()}
            terms = self._method.loss(own, batch)
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:  # A loss may need what only training gives it.
            self.failure = said(error)
            return
        for name, term in terms.items():
            if count := _counted(batch, name):
                self._sums[name] = self._sums.get(name, 0) + term.detach().double() * count
                self._counts[name] = self._counts.get(name, 0) + count

    def mean(self) -> float | None:
        """The sum of the terms' means; None where it is not finite or the method's loss failed."""
        if self.failure is not None or not self._sums:
            return None
        value = sum(float(total) / self._counts[name] for name, total in self._sums.items())
        return value if math.isfinite(value) else None


def _counted(batch: Batch, name: str) -> int:
    """How many samples a term of the loss is the mean of."""
    present = batch.present.get(name)
    return len(batch.images) if present is None else len(present)
