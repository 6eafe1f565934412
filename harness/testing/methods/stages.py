"""What a stage freezes stays as it is, and a frozen boundary changes nothing."""

from __future__ import annotations

import torch

from harness.testing.checks.check import NotCheckedError
from harness.testing.methods.steps import steps_of, training_of, trains, whole
from harness.testing.methods.subject import Subject, first_batch
from harness.training.frozen.freeze import frozen_names
from harness.training.promises.contract import Unchanged

STEPS = 2
"""Of a stage: enough for what moves to have moved."""


def frozen(subject: Subject) -> None:
    method, module = subject.network()
    held = False
    with training_of(whole(method), module, subject.parts(method), subject.protocol) as training:
        torch.manual_seed(0)
        for stage in method.stages:
            names = frozen_names(module, stage)
            if not trains(module, stage) or not names:
                continue
            held = True
            take = steps_of(training, stage)
            before = Unchanged(module, names)
            for _ in range(STEPS):
                take()
            before.check(f"while stage {stage.name!r} trained", "the stage freezes them")
    if not held:
        raise NotCheckedError("no stage that trains freezes anything")


def unchanged(subject: Subject) -> None:
    method, module = subject.network()
    batch = first_batch(method, subject.parts(method).val)
    before = Unchanged(module, module.state_dict())
    with torch.no_grad():
        outputs = method.forward(module, batch.images.clone())
        method.loss({name: value.float() for name, value in outputs.items()}, batch)
    before.check("in eval mode", "nothing trained")


def split(subject: Subject) -> None:
    method, module = subject.network()
    parts = subject.parts(method)
    held = False
    with training_of(method, module, parts, subject.protocol) as training:
        for stage in method.stages:
            view = training.views.of(stage)
            if view.boundary is None:
                continue
            held = True
            if trains(module, stage):
                torch.manual_seed(0)
                take = steps_of(training, stage)
                for _ in range(STEPS):
                    take()
            view.check()
    if not held:
        raise NotCheckedError("split() names no frozen boundary in any stage")
