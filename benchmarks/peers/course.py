"""The usual loop of a course project: files in, a DataLoader, and everything measured as it goes.

Picture to RGB, resize, tensor, normalise in the workers; loss and accuracy read after every step;
scikit-learn's metrics after every epoch; the best weights saved. The two workers and the shuffled
order are the usual ones too; the order is the harness's, so that the results can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.peers.peer import Training
from benchmarks.peers.workload import IMAGENET_MEAN, IMAGENET_STD, Order, Workload

WORKERS = 2


class RadiographyDataset(Dataset[tuple[Tensor, int]]):
    """One picture at a time, from its file."""

    def __init__(self, paths: Sequence[Path], labels: Sequence[int], size: int) -> None:
        self.paths = paths
        self.labels = labels
        self.transform = transforms.Compose(
            [
                transforms.Resize((size, size)),
                transforms.ToTensor(),
                transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.open(self.paths[index]).convert("RGB")
        return self.transform(image), self.labels[index]


def train_loader(workload: Workload) -> DataLoader[tuple[Tensor, int]]:
    """Batches of the training part: images float32 [B, 3, size, size] and labels int64 [B]."""
    return DataLoader(
        _dataset(workload, train=True),
        batch_size=workload.settings.batch_size,
        sampler=Order(workload),
        num_workers=WORKERS,
        drop_last=True,
    )


def prepare(workload: Workload, folder: Path) -> Training:
    loader = train_loader(workload)
    val_loader = DataLoader(
        _dataset(workload, train=False),
        batch_size=workload.settings.batch_size,
        num_workers=WORKERS,
    )
    model = workload.initial()
    criterion = nn.CrossEntropyLoss()
    optimizer = workload.adam(model)

    def run() -> None:
        best_f1 = -1.0
        for _ in range(workload.settings.epochs):
            model.train()
            running_loss, correct, seen = 0.0, 0, 0
            for images, labels in loader:
                optimizer.zero_grad()
                outputs = model(images)
                loss = criterion(outputs, labels)
                loss.backward()
                optimizer.step()
                running_loss += loss.item() * len(labels)
                correct += (outputs.argmax(dim=1) == labels).sum().item()
                seen += len(labels)
            scores = validate(model, val_loader, criterion)
            if scores["f1"] > best_f1:
                best_f1 = scores["f1"]
                torch.save(model.state_dict(), folder / "best_model.pth")

    return Training(run, model.state_dict)


def validate(
    model: nn.Module, loader: DataLoader[tuple[Tensor, int]], criterion: nn.Module
) -> dict[str, float]:
    model.eval()
    val_loss = 0.0
    all_labels: list[int] = []
    all_predictions: list[int] = []
    with torch.no_grad():
        for images, labels in loader:
            outputs = model(images)
            val_loss += criterion(outputs, labels).item() * len(labels)
            all_predictions.extend(outputs.argmax(dim=1).cpu().numpy())
            all_labels.extend(labels.cpu().numpy())
    macro = {"average": "macro", "zero_division": 0}
    return {
        "loss": val_loss / len(all_labels),
        "accuracy": accuracy_score(all_labels, all_predictions),
        "precision": precision_score(all_labels, all_predictions, **macro),
        "recall": recall_score(all_labels, all_predictions, **macro),
        "f1": f1_score(all_labels, all_predictions, **macro),
    }


def _dataset(workload: Workload, *, train: bool) -> RadiographyDataset:
    rows = workload.train_rows if train else workload.val_rows
    return RadiographyDataset(
        workload.paths(rows), workload.labels(rows).tolist(), workload.settings.image_size
    )
