"""How fast a cell trained, with and without the frozen pass.

Layers in front of a frozen boundary are run once and not in every epoch. What that pass took,
in whichever cell, is part of what an epoch costs: spread over the epochs it is in
``minutes_per_epoch`` and ``images_per_second_train``. The same names with ``_steps`` leave it out,
and what warms up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from harness.results.record import ActivationsRecord, EpochRecord, TimingRecord
from harness.runtime.stopwatch import Taken, together

QUEUED = "queued"
"""The bucket of a cell's clock that is nobody's time: it waited for a machine."""
NOTHING: Taken = {"wall_seconds": 0.0, "cpu_seconds": 0.0, "other_load": None}


def spent(buckets: Mapping[str, float]) -> dict[str, float]:
    """The buckets of a cell's clock that are its time."""
    return {name: seconds for name, seconds in buckets.items() if name != QUEUED}


def frozen_pass(activations: Iterable[ActivationsRecord]) -> Taken | None:
    """What the activations that a cell used took, each once; None where it used none."""
    once: dict[object, Taken] = {}
    for position, kept in enumerate(activations):
        if kept["where"] != "per batch":
            once[kept["key"] or position] = {
                "wall_seconds": kept["seconds"],
                "cpu_seconds": kept["cpu_seconds"],
                "other_load": kept["other_load"],
            }
    return together(list(once.values()))


def training_speed(epochs: Sequence[EpochRecord], frozen: Taken | None) -> TimingRecord:
    """The timings of an epoch, by wall time and by CPU time; None where nothing was trained."""
    trained = together([epoch["train"] for epoch in epochs]) or NOTHING
    first = frozen or NOTHING
    count = len(epochs)
    images = sum(epoch["images"] for epoch in epochs)
    wall = trained["wall_seconds"] + first["wall_seconds"]
    cpu = _sum(trained["cpu_seconds"], first["cpu_seconds"])
    steady_wall, steady_cpu, steady_images = _steady(epochs)
    return {
        "minutes_per_epoch": _ratio(wall / 60, count),
        "minutes_per_epoch_steps": _ratio(steady_wall / 60, count),
        "cpu_minutes_per_epoch": _ratio(None if cpu is None else cpu / 60, count),
        "cpu_minutes_per_epoch_steps": _ratio(
            None if steady_cpu is None else steady_cpu / 60, count
        ),
        "images_per_second_train": _speed(images, wall),
        "images_per_second_train_steps": _speed(steady_images, steady_wall),
        "images_per_cpu_second_train": _speed(images, cpu),
        "images_per_cpu_second_train_steps": _speed(steady_images, steady_cpu),
    }


def step_speed(
    wall: float, cpu: float, images: int, frozen: Taken | None, trained: float
) -> TimingRecord:
    """Images per second of a training step alone.

    Args:
        wall, cpu: seconds of a step.
        images: in a step.
        frozen: the pass in front of it.
        trained: images that training would take in all its epochs, over which the pass is spread.
    """
    first = frozen or NOTHING
    share = images / trained
    extra = first["cpu_seconds"]
    return {
        "images_per_second_train": images / (wall + share * first["wall_seconds"]),
        "images_per_cpu_second_train": _speed(
            images, None if extra is None else cpu + share * extra
        ),
        "images_per_second_train_steps": images / wall,
        "images_per_cpu_second_train_steps": _speed(images, cpu),
    }


def _steady(epochs: Sequence[EpochRecord]) -> tuple[float, float | None, float]:
    """Wall and CPU seconds and images of all epochs, were each like its stage's mean without the
    stage's first epoch, which warms up. A stage of one epoch is that epoch: none is left out."""
    wall, images = 0.0, 0.0
    cpu: float | None = 0.0
    for _, group in groupby(epochs, key=lambda epoch: epoch["stage"]):
        stage = list(group)
        steady = stage[1:] or stage
        weight = len(stage) / len(steady)
        taken = together([epoch["train"] for epoch in steady])
        assert taken is not None
        wall += weight * taken["wall_seconds"]
        used = taken["cpu_seconds"]
        cpu = None if cpu is None or used is None else cpu + weight * used
        images += weight * sum(epoch["images"] for epoch in steady)
    return wall, cpu, images


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _ratio(value: float | None, by: float) -> float | None:
    return None if value is None or not by else value / by


def _speed(images: float, seconds: float | None) -> float | None:
    return images / seconds if images and seconds else None


def in_current_terms(stored: TimingRecord) -> TimingRecord:
    """A timing record; of an older version, whose values leave the frozen pass out, with those
    that take it in, computed from its buckets."""
    if "blocks" in stored or "minutes_per_epoch" not in stored:
        return stored
    timing: TimingRecord = {**stored}
    steps, speed = stored.get("minutes_per_epoch"), stored.get("images_per_second_train")
    timing["minutes_per_epoch_steps"] = steps
    timing["images_per_second_train_steps"] = speed
    epochs, frozen = stored.get("epochs") or 0, stored.get("activation_seconds") or 0.0
    spread = _ratio(frozen, 60.0 * epochs)
    inclusive = None if steps is None or spread is None else steps + spread
    timing["minutes_per_epoch"] = inclusive
    if inclusive and steps and speed:
        timing["images_per_second_train"] = speed * steps / inclusive
    elif frozen:
        timing["images_per_second_train"] = None
    return timing
