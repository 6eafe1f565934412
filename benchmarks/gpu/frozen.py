"""Activations of frozen layers: what making them takes, and what training on them saves."""

from __future__ import annotations

import time
from itertools import cycle
from typing import Any

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.blocks import Deadline
from benchmarks.gpu.subject import Running, Subject, full_batches
from harness.protocol import PAPER
from harness.training.fit.stage_inputs import View, synchronise

IMAGES = 4096
"""At most so many are run through the frozen layers: enough for a rate."""
WARM_UP_BATCHES = 2


def activations(
    bench: Bench, subject: Subject, deadline: Deadline
) -> tuple[Running, dict[str, Any]]:
    """A training on activations of some images, and what these cost.

    They are made as in a cell: computed, fetched from the device, checked, written to disk, and
    placed on the device for training. Rates are of images per second; ``compute`` is the frozen
    layers alone, ``prefix`` all but the placing.
    """
    batch = subject.setting.protocol.batch_size
    # Kernels are loaded and chosen by what is thrown away.
    subject.training(bench.part(subject, WARM_UP_BATCHES * batch))
    running = subject.training(bench.part(subject, IMAGES))
    synchronise(bench.device)
    view = running.training.views.of(running.stage)
    assert view.boundary is not None, "the method says where its frozen layers end"
    kept, count = view.boundary.kept, len(running.training.train)
    placing = _placing_seconds(running, view)
    return running, {
        "images": count,
        "where": kept.where,
        "bytes_per_image": kept.nbytes / count,
        "bytes": kept.nbytes / count * bench.settings.images,
        "compute_images_per_second": _compute_rate(bench, subject, view, deadline),
        "prefix_images_per_second": count / kept.seconds,
        "placing_images_per_second": count / placing,
        "fixed_seconds": max(0.0, running.preparing_seconds - kept.seconds - placing),
    }


def _placing_seconds(running: Running, view: View) -> float:
    """Of putting the activations to where training reads them, once more."""
    device = running.training.device
    synchronise(device)
    started = time.perf_counter()
    view.inputs(running.training.train)
    synchronise(device)
    return time.perf_counter() - started


def _compute_rate(bench: Bench, subject: Subject, view: View, deadline: Deadline) -> float:
    """Images per second of the frozen layers, from stored pixels to activations on the device."""
    boundary, size = view.boundary, subject.setting.protocol.batch_size
    assert boundary is not None
    # Of its own, so that no pixel stays on the device while training on activations is watched.
    part = bench.part(subject, IMAGES)
    batches, coming = subject.batches(part), cycle(full_batches(part, size))
    timed = bench.stopwatch.interleaved(
        {"prefix": lambda: boundary.compute(batches, next(coming))}, size, deadline
    )
    return timed["prefix"].rate


def seconds(images: int, frozen: dict[str, Any], rate: float, epochs: int = PAPER.epochs) -> float:
    """Of a whole training on activations, making them included.

    Args:
        images: in the training part.
        frozen: the record of the activations.
        rate: images per second of a training step on activations.
        epochs: passes over the images.
    """
    making = 1 / frozen["prefix_images_per_second"] + 1 / frozen["placing_images_per_second"]
    return images * making + frozen["fixed_seconds"] + epochs * images / rate
