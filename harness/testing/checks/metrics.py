"""Checks of a metric: a pure function of stored predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from harness.metrics.one_metric import value_of
from harness.results.packed_masks import pack_masks
from harness.results.predictions import ClassPredictions, MaskPredictions
from harness.runtime.resolve import resolve
from harness.specs import MetricSpec
from harness.testing.checks.check import BrokenPromiseError, Check, NotCheckedError, Promise
from harness.testing.checks.light import use_without_torch

Predictions = ClassPredictions | MaskPredictions

CLASSES = ("a", "b", "c", "d")
GRID = 16

PURE = Promise(
    name="writes-nothing",
    group="contract",
    contract="a metric writes to nothing of what it is given, and gives the same value twice",
    fix="work on copies, and draw no random numbers that are not seeded",
)
VALUE = Promise(
    name="value",
    group="contract",
    contract="a metric returns a finite number, or None where it is not defined: with a class that "
    "does not occur, a single image, right and wrong predictions, empty masks",
    fix="return None where the metric is not defined",
    after=("writes-nothing",),
)
LIGHT = Promise(
    name="without-torch",
    group="contract",
    contract="a metric is computed without torch",
    fix="use NumPy or SciPy",
    after=("writes-nothing",),
)


def metric_checks(spec: MetricSpec) -> Iterator[Check]:
    """Every check of a metric."""
    functions: tuple[tuple[Promise, Callable[[], None]], ...] = (
        (PURE, partial(_pure, spec)),
        (VALUE, partial(_value, spec)),
        (LIGHT, partial(_light, spec)),
    )
    for promise, function in functions:
        yield Check(subject=f"metric:{spec.name}", promise=promise, function=function)


def _pure(spec: MetricSpec) -> None:
    function = resolve(spec.function)
    for predictions in _examples(spec).values():
        before = _bytes(predictions)
        values = [function(predictions) for _ in range(2)]
        if _bytes(predictions) != before:
            raise BrokenPromiseError(f"{spec.function} has written to its argument")
        if repr(values[0]) != repr(values[1]):
            raise BrokenPromiseError(
                f"{spec.function} returned {values[0]!r} and then {values[1]!r} of the same "
                "predictions"
            )


def _value(spec: MetricSpec) -> None:
    for where, predictions in _examples(spec).items():
        value_of(spec, predictions, where)


def _light(spec: MetricSpec) -> None:
    def use() -> None:
        function = resolve(spec.function)
        for predictions in _examples(spec).values():
            function(predictions)

    use_without_torch(spec.function, use)


def _bytes(predictions: Predictions) -> list[bytes]:
    values = [getattr(predictions, field.name) for field in fields(predictions)]
    return [value.tobytes() for value in values if isinstance(value, np.ndarray)]


def _examples(spec: MetricSpec) -> dict[str, Predictions]:
    """What a metric of this kind must be able to take, by what it is."""
    if spec.kind == "classes":
        return {
            "predictions in which a class is absent": _classes([0, 1, 2, 0, 1, 2, 0, 1], 1),
            "right predictions": _classes([0, 1, 2, 3], None),
            "wrong predictions of one class": _classes([1, 1, 1, 1], 2),
            "prediction of one image": _classes([2], 3),
        }
    if spec.kind == "binary-mask":
        random = np.random.default_rng(0)
        drawn: Any = random.random((2, 4, GRID, GRID)) < 0.4
        none = np.zeros((4, GRID, GRID), dtype=bool)
        return {
            "predicted masks": _masks(drawn[0], drawn[1]),
            "right masks": _masks(drawn[0], drawn[0]),
            "empty predicted masks": _masks(none, drawn[1]),
            "empty masks": _masks(none, none),
            "masks of no image": _masks(none[:0], none[:0]),
        }
    raise NotCheckedError(f"no target is of its kind, {spec.kind!r}")


def _classes(labels: list[int], seed: int | None) -> ClassPredictions:
    """Probabilities that are drawn by the seed; None for all on the right class."""
    count = len(labels)
    scores = np.eye(len(CLASSES))[labels]
    if seed is not None:
        scores = np.random.default_rng(seed).random((count, len(CLASSES)))
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    return ClassPredictions(
        ids=_ids(count),
        labels=np.array(labels, dtype=np.int64),
        probabilities=probabilities.astype(np.float32),
        classes=CLASSES,
    )


def _masks(predicted: Any, reference: Any) -> MaskPredictions:
    areas = [
        (predicted & reference).sum((1, 2)),
        predicted.sum((1, 2)),
        reference.sum((1, 2)),
    ]
    return MaskPredictions(
        ids=_ids(len(predicted)),
        predicted_bits=pack_masks(predicted),
        reference_bits=pack_masks(reference),
        grid=GRID,
        sums=np.stack(areas, axis=1).astype(np.float64),
    )


def _ids(count: int) -> tuple[str, ...]:
    return tuple(f"image-{index}" for index in range(count))
