"""A bare PyTorch loop on tensors in memory: nothing that the training could do without.

It is given every advantage: no DataLoader, no checkpoint, no log, the fused Adam, losses summed on
the device, and macro F1 from one count. What the harness takes longer is the harness's own cost.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers.peer import Training
from benchmarks.peers.workload import Workload, normalised


def prepare(workload: Workload, folder: Path) -> Training:
    train, val = workload.part(workload.train_rows), workload.part(workload.val_rows)
    images, labels = torch.from_numpy(train.pixels), torch.from_numpy(train.labels)
    val_images, val_labels = torch.from_numpy(val.pixels), torch.from_numpy(val.labels)
    network = workload.initial()
    optimizer = workload.adam(network, fused=True)
    settings = workload.settings

    def run() -> None:
        for epoch in range(settings.epochs):
            network.train()
            total = torch.zeros(())
            for rows in workload.order(epoch):
                optimizer.zero_grad()
                loss = F.cross_entropy(network(normalised(images[rows])), labels[rows])
                loss.backward()
                optimizer.step()
                total += loss.detach()
            evaluate(network, val_images, val_labels, settings.batch_size, workload.classes)

    return Training(run, network.state_dict)


@torch.inference_mode()
def evaluate(
    network: nn.Module, images: Tensor, labels: Tensor, batch_size: int, classes: int
) -> float:
    """Macro F1 of the pictures uint8 [N, H, W]."""
    network.eval()
    logits = [network(normalised(batch)) for batch in images.split(batch_size)]
    predicted = torch.cat(logits).argmax(1)
    counts = torch.bincount(labels * classes + predicted, minlength=classes * classes)
    confusion = counts.view(classes, classes)
    found = confusion.diag() * 2 / (confusion.sum(0) + confusion.sum(1)).clamp(min=1)
    return float(found.mean())
