"""What forward passes and losses return, and what they may depend on."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from harness.testing.checks.check import BrokenPromiseError
from harness.testing.methods.pictures import BATCH, rows_of
from harness.testing.methods.subject import Subject, built, first_batch, predicted
from harness.training.frozen.freeze import apply_stage, set_train_mode
from harness.training.method import Batch, Method, Predictions, Problem, TorchMethod
from harness.training.promises.agreement import check_independent
from harness.training.promises.contract import check_loss, check_outputs

SAME = 1e-5
"""How far probabilities of a method without torch may differ, as NumPy may add up in another
order."""


def outputs(subject: Subject) -> None:
    problem = subject.problem()
    method = subject.construct(problem)
    check_predictions(subject, method, problem)
    if not isinstance(method, TorchMethod):
        return
    module = built(method)
    images = first_batch(method, subject.parts(method).train).images
    for stage in method.stages:
        if not apply_stage(module, stage):
            continue
        set_train_mode(module)
        check_outputs(method.forward(module, images.clone()), problem.targets, len(images))


def check_predictions(subject: Subject, method: TorchMethod | Method, problem: Problem) -> None:
    """What is predicted has the shape and the type of the contract, and is finite.

    Raises:
        ContractError: it has not, or is not.
    """
    parts = subject.parts(method, problem)
    with subject.runner(method, problem) as runner:
        if not isinstance(method, TorchMethod):
            runner.training_step(parts)
        predicted(runner, rows_of(parts.val, slice(0, BATCH)))


def loss(subject: Subject) -> None:
    method, module = subject.network()
    batch = first_batch(method, subject.parts(method).train)
    for stage in method.stages:
        if not apply_stage(module, stage):
            continue
        set_train_mode(module)
        check_loss(_loss(method, module, batch))
    module.eval()
    with torch.no_grad():
        check_loss(_loss(method, module, batch))


def _loss(method: TorchMethod, module: torch.nn.Module, batch: Batch) -> object:
    made = method.forward(module, batch.images.clone())
    return method.loss({name: value.float() for name, value in made.items()}, batch)


def one_image(subject: Subject) -> None:
    method = subject.construct()
    parts = subject.parts(method)
    with subject.runner(method) as runner:
        if not isinstance(method, TorchMethod):
            runner.training_step(parts)
        predicted(runner, rows_of(parts.val, slice(0, 1)))


def independent(subject: Subject) -> None:
    method = subject.construct()
    parts = subject.parts(method)
    if isinstance(method, TorchMethod):
        images = first_batch(method, parts.val).images
        check_independent(method, built(method), images)
        return
    with subject.runner(method) as runner:
        runner.training_step(parts)
        among = predicted(runner, parts.val)
        for index in (0, len(parts.val) - 1):
            alone = predicted(runner, rows_of(parts.val, slice(index, index + 1)))
            _equal(alone, {n: v[index : index + 1] for n, v in among.items()}, index)


def _equal(alone: Predictions, among: Predictions, index: int) -> None:
    for name, values in alone.items():
        far = float(np.abs(values - among[name]).max())
        if far > SAME:
            raise BrokenPromiseError(
                f"predict() gives image {index} other values of {name!r} when others are in the "
                f"batch, by up to {far:.3g}"
            )


def labels(subject: Subject) -> None:
    method = subject.construct()
    parts = subject.parts(method)
    if not isinstance(method, TorchMethod):
        _plain_labels(subject, method)
        return
    module = built(method)
    batch = first_batch(method, parts.val)
    found = []
    for turned in (batch, _other_labels(batch, len(method.problem.classes))):
        with torch.no_grad():
            _loss(method, module, turned)
            torch.manual_seed(0)
            found.append(method.forward(module, batch.images.clone()))
    for name in method.problem.targets:
        if not torch.equal(found[0][name], found[1][name]):
            raise BrokenPromiseError(
                f"forward() gives the same images other values of {name!r} after loss() has been "
                "given other labels"
            )


def _other_labels(batch: Batch, count: int) -> Batch:
    """The batch with every label and mask another."""
    targets = dict(batch.targets)
    if "label" in targets:
        targets["label"] = (targets["label"] + 1) % count
    if "mask" in targets:
        targets["mask"] = 1 - targets["mask"]
    return Batch(images=batch.images, targets=targets, present=batch.present)


def _plain_labels(subject: Subject, method: Method) -> None:
    """A method that trains itself predicts in an instance that has never been given a label."""
    parts = subject.parts(method)
    with tempfile.TemporaryDirectory(prefix="harness-check-") as folder:
        runner = subject.runner_in(Path(folder), method)
        runner.training_step(parts)
        runner.finish()
        again = subject.runner_in(Path(folder), subject.construct())
        again.load()
        predicted(again, parts.val)
