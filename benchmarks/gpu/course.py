"""Eight frozen blocks in the usual loop of a course project, beside the harness's epoch.

Picture files, a DataLoader with two workers, the loss read after every step. The blocks are frozen
and the embeddings are not, so gradients go all the way down, as they do where a class token trains.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.catalogue import Entry
from benchmarks.gpu.subject import Subject
from benchmarks.noise import CLASSES
from benchmarks.peers.course import WORKERS, RadiographyDataset
from benchmarks.peers.measure import spread
from harness.training.fit.stage_inputs import synchronise
from harness_phantom.dataset import open_phantom

FILES = 512
DRAWN = 64
"""Different pictures among them: drawing takes longer than reading."""
SIDE = 299
"""Pixels per side of the published files."""
PASSES = 3
"""Over the files; the first warms up and does not count."""
Precision = Callable[[], AbstractContextManager[Any]]
"""Opens that of a forward pass."""
FROZEN = tuple(f"encoder.blocks.{index}." for index in range(8))


def course(bench: Bench, entry: Entry) -> dict[str, Any]:
    """Images per second of the loop, in single precision as usual and in the harness's."""
    subject = bench.subject(entry)
    count = FILES if bench.device.type == "cuda" else 4 * bench.settings.batch
    paths = write_pictures(bench.folder / "pictures", count)
    dataset = RadiographyDataset(
        paths, [index % len(CLASSES) for index in range(count)], subject.input.size
    )
    loader = DataLoader(
        dataset,
        batch_size=bench.settings.batch,
        shuffle=True,
        num_workers=WORKERS,
        drop_last=True,
    )
    return {
        "method": entry.id,
        "files": count,
        "workers": WORKERS,
        "single_precision": _rates(subject, loader, nullcontext),
        "harness_precision": _rates(subject, loader, subject.autocast),
    }


def _rates(
    subject: Subject, loader: DataLoader[tuple[Tensor, int]], precision: Precision
) -> dict[str, Any]:
    """Images per second of every pass but the first, workers' start included as in every epoch."""
    model = subject.module
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(FROZEN))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=subject.setting.protocol.learning_rate)
    device = next(model.parameters()).device
    rates = []
    for number in range(PASSES):
        started = time.perf_counter()
        seen = _epoch(model, loader, optimizer, precision)
        synchronise(device)
        if number:
            rates.append(seen / (time.perf_counter() - started))
    return {"images_per_second": spread(rates).median, "passes": rates}


def _epoch(
    model: nn.Module,
    loader: DataLoader[tuple[Tensor, int]],
    optimizer: torch.optim.Optimizer,
    precision: Precision,
) -> int:
    """One pass over the files; how many images it saw."""
    model.train()
    device = next(model.parameters()).device
    criterion = nn.CrossEntropyLoss()
    running_loss, correct, seen = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        with precision():
            outputs = model(images)
            loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(labels)
        correct += (outputs.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    return seen


def write_pictures(folder: Path, count: int) -> list[Path]:
    """Grey PNG files of simulated radiographs, each of :data:`DRAWN` again and again."""
    folder.mkdir(parents=True)
    phantom = open_phantom(None, images=min(DRAWN, count), size=SIDE, seed=0)
    pictures = [Image.fromarray(phantom.image(i)) for i in range(len(phantom.samples))]
    paths = [folder / f"{index}.png" for index in range(count)]
    for index, path in enumerate(paths):
        if index < len(pictures):
            pictures[index].save(path)
        else:
            path.write_bytes(paths[index % len(pictures)].read_bytes())
    return paths
