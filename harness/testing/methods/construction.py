"""A method and its network can be made, of every size that it may be asked for."""

from __future__ import annotations

from harness.errors import HarnessError, Skip
from harness.testing.checks.check import BrokenPromiseError, NotCheckedError, said
from harness.testing.methods.passes import check_predictions
from harness.testing.methods.subject import Subject, built
from harness.training.fit.stages import spans
from harness.training.frozen.freeze import trainable_names
from harness.training.method import TorchMethod

CLASS_COUNTS = (2, 5)
"""Beside the number that every other check takes."""
FACTORS = (2, 1.5)
"""Of the protocol's size: a multiple of many patches, and one of few."""


def builds(subject: Subject) -> None:
    method = subject.construct(subject.problem(from_weights=False))
    if not isinstance(method, TorchMethod):
        return
    module = built(method)
    named = dict(module.named_parameters())
    for stage in method.stages:
        if unknown := sorted(trainable_names(module, stage) - set(named)):
            raise BrokenPromiseError(
                f"stage {stage.name!r} trains {unknown[0]!r}, which the network does not have"
            )
    if away := [name for name, value in named.items() if value.device.type != "cpu"]:
        raise BrokenPromiseError(f"build() left {away[0]!r} on {named[away[0]].device}")
    spans(method.stages, module, subject.protocol.epochs)


def tiny(subject: Subject) -> None:
    if not subject.spec.has_small:
        raise NotCheckedError("it has no small member")
    subject.construct(params=subject.spec.params)
    method = subject.construct()
    if isinstance(method, TorchMethod):
        built(method)
    card = subject.spec.card(small=True)
    if card is not None and not subject.files:
        raise NotCheckedError(f"weights {card.id} are not at hand; it builds from random ones")


def classes(subject: Subject) -> None:
    if not subject.problem().classes:
        raise NotCheckedError("its task has no classes")
    for count in CLASS_COUNTS:
        problem = subject.problem(classes=count)
        try:
            method = subject.construct(problem)
        except (NotCheckedError, Skip):
            continue  # It says so.
        try:
            check_predictions(subject, method, problem)
        except Exception as error:
            raise BrokenPromiseError(f"of {count} classes: {said(error)}") from error


def sizes(subject: Subject) -> None:
    for factor in FACTORS:
        problem = subject.problem(size=int(subject.protocol.image_size * factor))
        try:
            method = subject.construct(problem)
            check_predictions(subject, method, problem)
        except (NotCheckedError, Skip):
            continue
        except HarnessError as error:
            if type(error) is HarnessError:
                continue  # Its own sentence on what it needs.
            raise BrokenPromiseError(f"at {problem.image_size} px: {error}") from error
        except Exception as error:
            raise BrokenPromiseError(f"at {problem.image_size} px: {said(error)}") from error
