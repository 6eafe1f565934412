"""Whole trainings, short ones, through the loop of a cell."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from harness.testing.checks.check import BrokenPromiseError
from harness.testing.methods.subject import Subject, predicted
from harness.training.batches import Part
from harness.training.fit.runner import Outputs
from harness.training.method import Predictions


@dataclass(frozen=True)
class Trained:
    """What a training has come to."""

    predictions: Predictions
    """Of the validation part."""
    folder: tempfile.TemporaryDirectory[str]
    """What is kept of it."""


def trains(subject: Subject) -> None:
    _first(subject)


def deterministic(subject: Subject) -> None:
    second = _trained(subject).predictions
    _same(_first(subject).predictions, second, "a second training with the same seed predicts")


def save_load(subject: Subject) -> None:
    before = _first(subject)
    method = subject.construct()
    runner = subject.runner_in(Path(before.folder.name), method)
    runner.load()
    again = predicted(runner, subject.parts(method).val)
    _same(before.predictions, again, "a new instance that has loaded the files predicts")


@cache
def _first(subject: Subject) -> Trained:
    """The training that others are compared with."""
    return _trained(subject)


def _trained(subject: Subject) -> Trained:
    folder = tempfile.TemporaryDirectory(prefix="harness-check-")
    method = subject.construct()
    parts = subject.parts(method)
    runner = subject.runner_in(Path(folder.name), method)

    def score(outputs: Outputs) -> dict[str, float]:
        return {"primary": _agreement(outputs, parts.val)}

    runner.fit(parts, score)
    runner.predict(parts.val)
    found = predicted(runner, parts.val)
    runner.finish()
    return Trained(found, folder)


def _agreement(outputs: Outputs, part: Part) -> float:
    """Between 0 and 1: the mean probability of the true class, or the share of mask pixels."""
    if outputs.probabilities is not None:
        return float(outputs.probabilities[np.arange(len(part)), part.labels].mean())
    assert outputs.mask_bits is not None, "a task has a class or a mask"
    return float(np.unpackbits(outputs.mask_bits).mean())


def _same(before: Predictions, now: Predictions, what: str) -> None:
    for name, values in before.items():
        if values.tobytes() != now[name].tobytes():
            far = float(np.abs(values - now[name]).max())
            raise BrokenPromiseError(f"{what} otherwise: {name!r} differs by up to {far:.3g}")
