"""Nothing global is changed, by importing a method or by using it."""

from __future__ import annotations

from harness.testing.checks.check import BrokenPromiseError
from harness.testing.methods.imported import first_import
from harness.testing.methods.process_state import ProcessState
from harness.testing.methods.steps import take_steps
from harness.testing.methods.subject import Subject, predicted
from harness.training.method import TorchMethod


def imports(subject: Subject) -> None:
    _nothing(first_import(subject.spec.factory))


def leaves_process(subject: Subject) -> None:
    first_import(subject.spec.factory)
    subject.problem()  # Finds the weights first.
    before = ProcessState.capture()
    method = subject.construct()
    parts = subject.parts(method)
    with subject.runner(method) as runner:
        if isinstance(method, TorchMethod):
            take_steps(subject, method, count=1)
        else:
            runner.training_step(parts)
        predicted(runner, parts.val)
    _nothing(before.changes(drawn=False))


def _nothing(changes: tuple[str, ...]) -> None:
    if changes:
        more = f" (and {len(changes) - 3} more)" if len(changes) > 3 else ""
        raise BrokenPromiseError(f"afterwards {'; '.join(changes[:3])}{more}")
