"""Activations at a frozen boundary, computed once per stage and read by every epoch after that."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from harness.data.batches import Batches, in_order

SHARE_OF_FREE_MEMORY = 0.4
"""The most that activations may take of the memory that is free when they are first needed."""


def free_bytes(device: torch.device) -> int:
    """Memory that is free on the device, or on the host for a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class Boundary:
    """The frozen prefix of one part's images: kept where it fits, computed per batch elsewhere.

    Args:
        prefix: images [B, C, H, W] -> [B, ...], nothing in it trainable.
        batches: the part.
        autocast: opens the precision that the rest of the step uses.
        dtype: what activations are kept in.
        flips: whether mirrored images are needed as well.
        batch_size: images per forward pass.
        budget: bytes to keep at most; None takes a share of the free memory.
    """

    def __init__(
        self,
        prefix: nn.Module,
        batches: Batches,
        *,
        autocast: Callable[[], AbstractContextManager[object]],
        dtype: torch.dtype,
        flips: bool,
        batch_size: int,
        budget: int | None = None,
    ) -> None:
        self._prefix = prefix
        self._batches = batches
        self._autocast = autocast
        self._dtype = dtype
        self.kept: list[Tensor] = []
        """One tensor [N, ...] per view (as is, mirrored); empty where they do not fit."""
        sample = self._compute(torch.arange(1), None)
        views = 2 if flips else 1
        needed = sample.numel() * sample.element_size() * len(batches) * views
        limit = free_bytes(batches.device) * SHARE_OF_FREE_MEMORY if budget is None else budget
        if needed <= limit:
            self.kept = [self._view(sample, view == 1, batch_size) for view in range(views)]

    def _view(self, sample: Tensor, mirrored: bool, batch_size: int) -> Tensor:
        kept = sample.new_empty((len(self._batches), *sample.shape[1:]))
        for rows in in_order(len(self._batches), batch_size):
            flipped = torch.ones(len(rows), dtype=torch.bool) if mirrored else None
            kept[rows[0] : rows[-1] + 1] = self._compute(rows, flipped)
        return kept

    @torch.no_grad()
    def _compute(self, rows: Tensor, flipped: Tensor | None) -> Tensor:
        self._prefix.eval()
        with self._autocast():
            return self._prefix(self._batches.images(rows, flipped)).to(self._dtype)  # type: ignore[no-any-return]

    def __call__(self, rows: Tensor, flipped: Tensor | None = None) -> Tensor:
        """Activations [B, ...] of the rows, int64 [B] on the CPU."""
        if not self.kept:
            return self._compute(rows, flipped)
        there = rows.to(self._batches.device)
        if flipped is None:
            return self.kept[0][there]
        view = flipped.to(there.device).view(-1, *(1,) * (self.kept[0].dim() - 1))
        return torch.where(view, self.kept[1][there], self.kept[0][there])
