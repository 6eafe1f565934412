"""Whole trainings, short ones, through the loop of a cell."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from harness.testing.checks.check import BrokenPromiseError
from harness.testing.methods.subject import Subject, predicted
from harness.training.batches import Part
from harness.training.fit.runner import Outputs
from harness.training.method import Predictions


def trains(subject: Subject) -> None:
    _trained(subject)


def deterministic(subject: Subject) -> None:
    first, second = _trained(subject), _trained(subject)
    _same(first, second, "a second training with the same seed predicts otherwise")


def save_load(subject: Subject) -> None:
    with tempfile.TemporaryDirectory(prefix="harness-check-") as name:
        before = _fitted(subject, Path(name))
        method = subject.construct()
        runner = subject.runner_in(Path(name), method)
        runner.load()
        again = predicted(runner, subject.parts(method).val)
    _same(before, again, "a new instance that has loaded the files predicts otherwise")


def _trained(subject: Subject) -> Predictions:
    with tempfile.TemporaryDirectory(prefix="harness-check-") as folder:
        return _fitted(subject, Path(folder))


def _fitted(subject: Subject, folder: Path) -> Predictions:
    """Predictions of the validation part after training; what is kept of it lies in the folder."""
    method = subject.construct()
    parts = subject.parts(method)
    runner = subject.runner_in(folder, method)

    def score(outputs: Outputs) -> dict[str, float]:
        return {"primary": _agreement(outputs, parts.val)}

    runner.fit(parts, score)
    runner.predict(parts.val)
    found = predicted(runner, parts.val)
    runner.finish()
    return found


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
            raise BrokenPromiseError(f"{what}: {name!r} differs by up to {far:.3g}")
