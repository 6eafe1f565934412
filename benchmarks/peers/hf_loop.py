"""Hugging Face's Trainer with its defaults, but for what would change the result.

Adam instead of AdamW, a constant learning rate and no clipping of gradients make it the training
of the others. As with Lightning, the pictures are normalised tensors in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from transformers import EvalPrediction, Trainer, TrainingArguments

from benchmarks.peers.peer import Training
from benchmarks.peers.workload import SEED, Order, Workload, normalised
from harness.training.batches import Part


class Classifier(nn.Module):
    """A model that returns its loss, as the Trainer expects."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixel_values: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.network(pixel_values)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


class Examples(Dataset[dict[str, Tensor]]):
    """Pictures in memory under the names of the model's arguments."""

    def __init__(self, part: Part) -> None:
        self.images = normalised(torch.from_numpy(part.pixels))
        self.labels = torch.from_numpy(part.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"pixel_values": self.images[index], "labels": self.labels[index]}


class OrderedTrainer(Trainer):
    """The Trainer, told the order of the samples."""

    order: Order

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return self.order


def macro_f1(prediction: EvalPrediction) -> dict[str, float]:
    predicted = prediction.predictions.argmax(axis=1)
    return {"f1": f1_score(prediction.label_ids, predicted, average="macro", zero_division=0)}


def prepare(workload: Workload, folder: Path) -> Training:
    settings = workload.settings
    network = workload.initial()
    trainer = OrderedTrainer(
        model=Classifier(network),
        args=TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=settings.batch_size,
            per_device_eval_batch_size=settings.batch_size,
            dataloader_drop_last=True,
            eval_strategy="epoch",
            learning_rate=settings.learning_rate,
            lr_scheduler_type="constant",
            max_grad_norm=0.0,
            seed=SEED,
            use_cpu=True,
        ),
        train_dataset=Examples(workload.part(workload.train_rows)),
        eval_dataset=Examples(workload.part(workload.val_rows)),
        compute_metrics=macro_f1,
        optimizers=(workload.adam(network), None),
    )
    trainer.order = Order(workload)
    return Training(trainer.train, network.state_dict)
