"""A finished cell's method, built again by the code of cells and given new images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from harness.cell.construct import first_line, make_runner, prepare_process
from harness.data.dataset import Samples
from harness.data.images.read import read_grey
from harness.data.store.build import resized
from harness.errors import HarnessError
from harness.inference.finished import MASKS, PREDICTIONS, Finished
from harness.inference.images import NewImage
from harness.machine import Resources
from harness.protocol import Protocol
from harness.specs import MetricSpec, TaskSpec, task_from_json
from harness.storage.csv_text import csv_text
from harness.training.batches import Part
from harness.training.clock import Clock
from harness.training.fit.outputs import at_size
from harness.training.fit.runner import Runner

AT_ONCE = 256
"""Images that are decoded, predicted and written before the next."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A method that is ready to predict."""

    runner: Runner
    task: TaskSpec
    classes: tuple[str, ...]


def rebuild(cell: Finished, *, device: str) -> Model:
    """The cell's method with the weights that it kept.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``. On a CPU the model runs in float32, whatever it was
            trained in.

    Raises:
        HarnessError: the method cannot be built here, or not from what is recorded; or its weights
            are missing.
    """
    try:
        return _rebuilt(cell, device)
    except (HarnessError, MemoryError, torch.OutOfMemoryError):
        raise
    # From what a record holds, anybody's code may raise anything.
    except Exception as error:
        raise HarnessError(
            f"{cell.directory.path / 'cell.json'}: the method cannot be built again from what is "
            f"recorded ({type(error).__name__}: {first_line(error)})"
        ) from error


def _rebuilt(cell: Finished, device: str) -> Model:
    record = {**cell.record, "precision": "fp32" if device == "cpu" else cell.record["precision"]}
    resources = Resources(
        device="cuda:0" if device == "cuda" else device,
        threads=os.cpu_count() or 1,
        concurrent=False,
    )
    task = task_from_json(cell.record["task"])
    prepare_process(resources, Protocol(**cell.record["protocol"]), cell.record["seed"])
    runner = make_runner(
        record,
        _nothing_known(("",), cell.classes),
        task,
        tuple(MetricSpec(**metric) for metric in cell.record["metrics"]),
        cell=cell.directory,
        resources=resources,
        clock=Clock(),
        progress=lambda done, total: None,
    )
    runner.build()
    runner.load()
    return Model(runner=runner, task=task, classes=cell.classes)


def predict_files(
    models: Sequence[Model],
    images: Sequence[NewImage],
    folder: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Write ``predictions.csv``, and for a task with masks ``masks/<stem>.png`` per image.

    Images are prepared as for training. A mask has its image's own size, as a viewer shows it, and
    levels 0 and 255.

    Args:
        models: one, or several that differ by their seed: their probabilities are averaged.

    Raises:
        HarnessError: an image cannot be read, or the method's predictions are invalid.
    """
    model = models[0]
    lines: list[list[str]] = []
    progress(0, len(images))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(images), AT_ONCE):
            chunk = images[start : start + AT_ONCE]
            pixels = np.stack(list(pool.map(lambda image: _prepared(model, image), chunk)))
            for predicted in _means(models, pixels):
                image = images[len(lines)]
                lines.append([str(image.path), *_line(model, image, predicted, folder)])
                progress(len(lines), len(images))
    (folder / PREDICTIONS).write_text(csv_text(_head(model), lines), encoding="utf-8", newline="")


def _prepared(model: Model, image: NewImage) -> NDArray[np.uint8]:
    spec = model.runner.input
    return resized(read_grey(image.path), spec.size, spec.interpolation)


def _means(
    models: Sequence[Model], pixels: NDArray[np.uint8]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Per image and target the mean of what the models predict."""
    for predicted in zip(*(_one_by_one(model, pixels) for model in models), strict=True):
        if len(predicted) == 1:
            yield predicted[0]
            continue
        yield {name: _mean([one[name] for one in predicted]) for name in predicted[0]}


def _mean(values: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray(np.mean(values, axis=0, dtype=np.float64)).astype(np.float32)


def _one_by_one(
    model: Model, pixels: NDArray[np.uint8]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Per image and target: class probabilities [C], mask probabilities [H, W]."""
    count = len(pixels)
    part = Part(
        indices=np.arange(count),
        ids=tuple(map(str, range(count))),
        images=pixels,
        labels=np.zeros(count, np.int64),
        mask_bits=None,
        has_mask=np.zeros(count, bool),
    )
    for batch in model.runner.probabilities(part):
        for row in range(len(next(iter(batch.values())))):
            yield {name: values[row] for name, values in batch.items()}


def _head(model: Model) -> list[str]:
    names = ["file"]
    for target in model.task.targets:
        if target.kind == "classes":
            names += ["predicted", *(f"probability.{name}" for name in model.classes)]
        else:
            names.append(target.name)
    return names


def _line(
    model: Model, image: NewImage, predicted: dict[str, NDArray[np.float32]], folder: Path
) -> list[str]:
    texts: list[str] = []
    for target in model.task.targets:
        values = predicted[target.name]
        if target.kind == "classes":
            texts += [model.classes[int(np.argmax(values))], *map(str, values)]
        else:
            texts.append(_write_mask(values, image, folder))
    return texts


def _write_mask(probabilities: NDArray[np.float32], image: NewImage, folder: Path) -> str:
    """The mask's file, relative to the folder."""
    inside = at_size(torch.from_numpy(probabilities)[None], image.height, image.width)[0]
    name = f"{MASKS}/{image.stem}.png"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(inside.numpy().astype(np.uint8) * 255).save(folder / name)
    return name


def _nothing_known(ids: tuple[str, ...], classes: tuple[str, ...]) -> Samples:
    """A table with nothing but the names of images."""
    count = len(ids)
    return Samples(
        ids=ids,
        labels=np.zeros(count, np.int64),
        classes=classes,
        has_mask=np.zeros(count, bool),
        mask_size=None,
    )
