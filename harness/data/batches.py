"""Batches made where they are used: uint8 pixels on the device, gathered, flipped and normalised.

On a CPU the pixels stay in the store's memory map, which every process of the machine shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.dataset import Samples
from harness.data.prepared import Store
from harness.specs import TargetSpec
from harness.training.method import Batch, InputSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the split as the harness holds it; it also serves as ``LabelledImages``."""

    indices: NDArray[np.int64]
    """Rows of the store."""
    ids: tuple[str, ...]
    pixels: NDArray[np.uint8]
    """[N, size, size]"""
    labels: NDArray[np.int64]
    masks: NDArray[np.bool_] | None
    """[N, size, size] at the training size; None where the task has no mask."""
    has_mask: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


def load_part(store: Store, samples: Samples, indices: NDArray[np.int64], *, masks: bool) -> Part:
    """The rows ``indices`` of the store, with their labels and, where asked for, masks."""
    return Part(
        indices=indices,
        ids=tuple(samples.ids[i] for i in indices),
        pixels=np.ascontiguousarray(store.images[indices]),
        labels=samples.labels[indices],
        masks=store.training_masks(indices) if masks else None,
        has_mask=samples.has_mask[indices],
    )


class Batches:
    """Batches of one part on one device.

    Args:
        part: pixels and targets; uint8 on the device from here on.
        spec: what the network expects of its images.
        targets: the task's targets; kinds ``classes`` and ``binary-mask`` are served.
    """

    def __init__(
        self,
        part: Part,
        spec: InputSpec,
        targets: Mapping[str, TargetSpec],
        device: torch.device,
    ) -> None:
        self.device = device
        self._pixels = torch.from_numpy(part.pixels).to(device)
        shape = (1, len(spec.mean), 1, 1)
        mean, std = torch.tensor(spec.mean), torch.tensor(spec.std)
        self._scale = (1 / (255 * std)).view(shape).to(device)
        self._shift = (-mean / std).view(shape).to(device)
        self._targets: dict[str, Tensor] = {}
        self._has: dict[str, NDArray[np.bool_]] = {}
        for name, target in targets.items():
            if target.kind == "classes":
                self._targets[name] = torch.from_numpy(part.labels).to(device)
                self._has[name] = np.ones(len(part), dtype=bool)
            elif target.kind == "binary-mask":
                assert part.masks is not None, "a task with masks loads them"
                self._targets[name] = torch.from_numpy(part.masks.view(np.uint8)).to(device)
                self._has[name] = part.has_mask

    def __len__(self) -> int:
        return len(self._pixels)

    def images(self, rows: Tensor, flipped: Tensor | None = None) -> Tensor:
        """Normalised images float32 [B, channels, size, size] of the rows, int64 [B] on the CPU;
        ``flipped`` bool [B] says which are mirrored."""
        pixels = self._mirrored(self._pixels[rows.to(self.device)], flipped)
        return torch.addcmul(self._shift, pixels.unsqueeze(1).float(), self._scale)

    def batch(
        self, rows: Tensor, flipped: Tensor | None = None, inputs: Tensor | None = None
    ) -> Batch:
        """The samples at the rows; ``inputs`` takes the images' place where it is given."""
        there = rows.to(self.device)
        targets: dict[str, Tensor] = {}
        present: dict[str, Tensor | None] = {}
        for name, values in self._targets.items():
            value = values[there]
            if value.dim() == 3:
                value = self._mirrored(value, flipped).unsqueeze(1).float()
            targets[name] = value
            has = self._has[name][rows.numpy()]
            present[name] = (
                None if has.all() else torch.from_numpy(np.flatnonzero(has)).to(self.device)
            )
        images = self.images(rows, flipped) if inputs is None else inputs
        return Batch(images=images, targets=targets, present=present)

    def _mirrored(self, pixels: Tensor, flipped: Tensor | None) -> Tensor:
        if flipped is None:
            return pixels
        return torch.where(flipped.to(self.device).view(-1, 1, 1), pixels.flip(-1), pixels)


def in_order(count: int, batch_size: int) -> Iterator[Tensor]:
    """Row numbers 0 … count - 1, in batches."""
    yield from in_chunks(torch.arange(count), batch_size)


def shuffled(count: int, batch_size: int, seed: int) -> Sequence[Tensor]:
    """A random order in batches; an incomplete last batch is dropped where there is another.

    Networks with batch normalisation after global pooling fail on a batch of one.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    kept = count - count % batch_size if count > batch_size else count
    return in_chunks(order[:kept], batch_size)


def in_chunks(rows: Tensor, size: int) -> list[Tensor]:
    """The rows in their order, ``size`` at a time; the last chunk may be smaller."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
