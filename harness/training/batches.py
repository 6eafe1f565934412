"""Batches made where they are used: uint8 on the device, gathered, flipped and normalised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.dataset import Samples
from harness.data.store.prepared import Store
from harness.specs import TargetSpec
from harness.training.method import Batch, InputSpec
from harness.training.rows import Budget, Resident, Rows, place


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the split as the harness holds it; it also serves as ``LabelledImages``."""

    indices: NDArray[np.int64]
    """Rows of ``images``, [N]."""
    ids: tuple[str, ...]
    images: NDArray[np.uint8]
    """Grey images of the whole store, [M, size, size]; not copied."""
    labels: NDArray[np.int64]
    mask_bits: NDArray[np.uint8] | None
    """Masks of the whole store at the images' size, bit-packed, [M, ceil(size * size / 8)]; None
    where the task has no mask, or the dataset none."""
    has_mask: NDArray[np.bool_]
    reference: Callable[[NDArray[np.int64]], NDArray[np.uint8]] | None = None
    """Rows of the store -> packed masks on their native grid (``Store.reference_bits``); None where
    there are none to score against."""
    mask_grid: int | None = None
    """Pixels per side of that grid."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """A copy of this part's images, [N, size, size]."""
        return self.images[self.indices]

    @property
    def masks(self) -> NDArray[np.bool_] | None:
        """This part's masks at the training size, [N, size, size]; None where the task has none."""
        if self.mask_bits is None:
            return None
        size = self.images.shape[1]
        bits = np.unpackbits(self.mask_bits[self.indices], axis=1, count=size * size)
        return bits.view(bool).reshape(len(self), size, size)


def load_part(store: Store, samples: Samples, indices: NDArray[np.int64], *, masks: bool) -> Part:
    """The rows ``indices`` of the store, with their labels and, where asked for, masks."""
    return Part(
        indices=indices,
        ids=tuple(samples.ids[i] for i in indices),
        images=store.images,
        labels=samples.labels[indices],
        mask_bits=_mask_bits(store) if masks else None,
        has_mask=samples.has_mask[indices],
        reference=store.reference_bits if masks and store.mask_size is not None else None,
        mask_grid=store.mask_size if masks else None,
    )


def _mask_bits(store: Store) -> NDArray[np.uint8]:
    if store.mask_bits is not None:
        return store.mask_bits
    return np.zeros((len(store.images), (store.size * store.size + 7) // 8), np.uint8)


def union(parts: Iterable[Part]) -> Part:
    """Every image of the parts once, in the order of the store, without masks."""
    first, *_ = parts = list(parts)
    rows, where = np.unique(np.concatenate([p.indices for p in parts]), return_index=True)
    ids = [name for part in parts for name in part.ids]
    labels = np.concatenate([part.labels for part in parts])
    return Part(
        indices=rows,
        ids=tuple(ids[i] for i in where),
        images=first.images,
        labels=labels[where],
        mask_bits=None,
        has_mask=np.zeros(len(rows), dtype=bool),
    )


class Batches:
    """Batches of one part on one device.

    Args:
        part: pixels and targets; uint8 wherever they lie.
        spec: what the network expects of its images.
        targets: the task's targets; kinds ``classes`` and ``binary-mask`` are served.
        budget: of the device's memory, for pixels and masks.
        channels_last: whether images are laid out in memory pixel by pixel.
    """

    def __init__(
        self,
        part: Part,
        spec: InputSpec,
        targets: Mapping[str, TargetSpec],
        budget: Budget,
        *,
        channels_last: bool = False,
    ) -> None:
        self.part = part
        self.device = budget.device
        self._size = part.images.shape[1]
        self._budget = budget
        self.channels_last = channels_last
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        shape = (1, len(spec.mean), 1, 1)
        mean, std = torch.tensor(spec.mean), torch.tensor(spec.std)
        self._scale = (1 / (255 * std)).view(shape).to(self.device)
        self._shift = (-mean / std).view(shape).to(self.device)
        self._labels: Rows = Resident(torch.from_numpy(part.labels).to(self.device))
        self._targets = dict(targets)
        self._bit = torch.arange(7, -1, -1, dtype=torch.uint8, device=self.device)

    # Placed when first asked for: training on activations never looks at a pixel.
    @cached_property
    def _pixels(self) -> Rows:
        return place(self.part.images, self.part.indices, self._budget)

    @cached_property
    def _masks(self) -> Rows:
        assert self.part.mask_bits is not None, "a task with masks loads them"
        return place(self.part.mask_bits, self.part.indices, self._budget)

    def __len__(self) -> int:
        return len(self.part)

    def announce(self, chunks: Sequence[Tensor]) -> None:
        """The rows of the images that will be asked for next, chunk by chunk."""
        self._pixels.announce(chunks)

    def images(self, rows: Tensor, flipped: Tensor | None = None) -> Tensor:
        """Normalised images float32 [B, channels, size, size] of the rows, int64 [B] on the CPU;
        ``flipped`` bool [B] says which are mirrored."""
        grey = self._mirrored(self._pixels(rows), flipped).float()
        if self.device.type != "cpu":
            images = torch.addcmul(self._shift, grey.unsqueeze(1), self._scale)
            return images.contiguous(memory_format=self._layout)
        # Channel by channel into one buffer: 2 to 4 times as fast as a broadcast there.
        shape = (len(grey), self._scale.shape[1], self._size, self._size)
        images = torch.empty(shape, memory_format=self._layout)
        for channel, (scale, shift) in enumerate(zip(self._scale[0], self._shift[0], strict=True)):
            torch.add(shift[0], grey, alpha=scale.item(), out=images[:, channel])
        return images

    def batch(
        self, rows: Tensor, flipped: Tensor | None = None, inputs: Tensor | None = None
    ) -> Batch:
        """The samples at the rows; ``inputs`` takes the images' place where it is given."""
        targets: dict[str, Tensor] = {}
        present: dict[str, Tensor | None] = {}
        for name, target in self._targets.items():
            if target.kind == "classes":
                targets[name], present[name] = self._labels(rows), None
            else:
                masks = self._mirrored(self._unpacked(rows), flipped)
                targets[name], present[name] = masks.unsqueeze(1).float(), self._present(rows)
        images = self.images(rows, flipped) if inputs is None else inputs
        return Batch(images=images, targets=targets, present=present)

    def samples(self, rows: Tensor) -> dict[str, int]:
        """Per target, how many of the rows have it."""
        masks = int(self.part.has_mask[rows.numpy()].sum())
        return {
            name: len(rows) if target.kind == "classes" else masks
            for name, target in self._targets.items()
        }

    def _unpacked(self, rows: Tensor) -> Tensor:
        """Masks uint8 [B, size, size] of 0 and 1."""
        bits = self._masks(rows).unsqueeze(2) >> self._bit & 1
        pixels = self._size * self._size
        return bits.flatten(1)[:, :pixels].view(-1, self._size, self._size)

    def _present(self, rows: Tensor) -> Tensor | None:
        has = self.part.has_mask[rows.numpy()]
        if has.all():
            return None
        return torch.from_numpy(np.flatnonzero(has)).to(self.device, non_blocking=True)

    def _mirrored(self, pixels: Tensor, flipped: Tensor | None) -> Tensor:
        if flipped is None:
            return pixels
        mirrored = flipped.to(self.device, non_blocking=True).view(-1, 1, 1)
        return torch.where(mirrored, pixels.flip(-1), pixels)


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


def in_even_chunks(rows: Tensor, size: int) -> list[Tensor]:
    """The rows in their order, at most ``size`` at a time, in chunks that differ by one at most:
    no chunk of one sample, which batch normalisation cannot take, where that can be avoided."""
    return list(rows.tensor_split(-(-len(rows) // size)))
