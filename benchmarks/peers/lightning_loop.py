"""Lightning's Trainer with its defaults: its logger, its progress bar and its checkpoint stay on.

The pictures are given to it as normalised tensors in memory, so that it is measured at its fastest
and not by the speed of reading files.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassF1Score

from benchmarks.peers.peer import Training
from benchmarks.peers.workload import Order, Workload, normalised


class Classifier(lightning.LightningModule):
    """A classifier as Lightning's own examples write one."""

    def __init__(self, network: nn.Module, workload: Workload) -> None:
        super().__init__()
        self.network = network
        self.f1 = MulticlassF1Score(workload.classes, average="macro")
        self._workload = workload

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, labels = batch
        loss = F.cross_entropy(self.network(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        images, labels = batch
        self.f1(self.network(images), labels)
        self.log("val_f1", self.f1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self._workload.adam(self.network)


def prepare(workload: Workload, folder: Path) -> Training:
    train, val = workload.part(workload.train_rows), workload.part(workload.val_rows)
    loaders = [
        DataLoader(
            TensorDataset(normalised(torch.from_numpy(part.pixels)), torch.from_numpy(part.labels)),
            batch_size=workload.settings.batch_size,
            sampler=sampler,
            drop_last=sampler is not None,
        )
        for part, sampler in ((train, Order(workload)), (val, None))
    ]
    network = workload.initial()
    model = Classifier(network, workload)
    # It advises on the number of workers, which tensors in memory do not need.
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    trainer = lightning.Trainer(
        max_epochs=workload.settings.epochs, accelerator="cpu", default_root_dir=folder
    )
    return Training(lambda: trainer.fit(model, *loaders), network.state_dict)
