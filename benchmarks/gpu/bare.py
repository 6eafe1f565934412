"""The same training as a bare PyTorch loop: nothing that it could do without.

Images and masks lie on the device as uint8, the order of samples too, and batches are gathered and
normalised there. Network, memory layout, precision, losses and the fused Adam are the harness's.
Frozen layers take no gradient, and run in every step.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.gpu.subject import Subject
from harness.tasks.losses import bce_dice
from harness.training.batches import Part

AT_ONCE = 1000
"""Masks that are unpacked together."""


class Bare:
    """A network that is the subject's, in a loop that is not.

    Args:
        subject: gives the network, which nobody else uses.
        part: what is learned from.
    """

    def __init__(self, subject: Subject, part: Part) -> None:
        self.module = subject.module
        self._forward = subject.method.forward
        self._subject = subject
        self._targets = subject.setting.problem.targets
        self._size = subject.setting.protocol.batch_size
        device = next(self.module.parameters()).device
        self._images = torch.from_numpy(part.images[: len(part)]).to(device)
        self._labels = torch.from_numpy(part.labels).to(device)
        self._masks = None if part.mask_bits is None else _unpacked(part, device)
        spec = subject.input
        self._mean = torch.tensor(spec.mean, device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(spec.std, device=device).view(1, -1, 1, 1)
        self._order = torch.randperm(len(part), device=device)
        self._next = 0
        self._optimizer: torch.optim.Optimizer | None = None

    def train(self) -> None:
        """Get ready to train what the subject's last stage trains."""
        names = self._subject.names()
        for name, parameter in self.module.named_parameters():
            parameter.requires_grad_(name in names)
        self.module.train()
        protocol = self._subject.setting.protocol
        self._optimizer = torch.optim.Adam(
            [parameter for parameter in self.module.parameters() if parameter.requires_grad],
            lr=protocol.learning_rate,
            weight_decay=protocol.weight_decay,
            fused=True,
        )

    def step(self) -> None:
        """Train on one batch."""
        assert self._optimizer is not None, "train() comes first"
        rows = self._rows()
        self._optimizer.zero_grad(set_to_none=True)
        with self._subject.autocast():
            outputs = self._forward(self.module, self._batch(rows))
        self._loss(outputs, rows).backward()
        self._optimizer.step()

    def predict(self) -> None:
        """Logits of one batch; the network is in evaluation mode."""
        with torch.inference_mode(), self._subject.autocast():
            self._forward(self.module, self._batch(self._rows()))

    def _rows(self) -> Tensor:
        if self._next + self._size > len(self._order):
            self._next = 0
        start, self._next = self._next, self._next + self._size
        return self._order[start : self._next]

    def _batch(self, rows: Tensor) -> Tensor:
        images = (self._images[rows].unsqueeze(1).float() / 255 - self._mean) / self._std
        if self._subject.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images

    def _loss(self, outputs: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        total = torch.zeros((), device=rows.device)
        for name, target in self._targets.items():
            logits = outputs[name].float()
            if target.kind == "classes":
                loss = F.cross_entropy(logits, self._labels[rows])
            else:
                assert self._masks is not None
                loss = bce_dice(logits, self._masks[rows].unsqueeze(1).float())
            total = total + target.weight * loss
        return total


def _unpacked(part: Part, device: torch.device) -> Tensor:
    """Masks uint8 [N, size, size] of 0 and 1, unpacked on the device, some at a time."""
    assert part.mask_bits is not None
    size = part.images.shape[1]
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=device)
    masks = torch.empty((len(part), size, size), dtype=torch.uint8, device=device)
    for start in range(0, len(part), AT_ONCE):
        chunk = slice(start, min(start + AT_ONCE, len(part)))
        packed = torch.from_numpy(part.mask_bits[chunk]).to(device)
        bits = (packed.unsqueeze(2) >> shifts & 1).flatten(1)[:, : size * size]
        masks[chunk] = bits.view(-1, size, size)
    return masks
