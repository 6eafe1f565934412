"""The checks of a plugin as tests of pytest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.planning.installed_plugins import Choice, installed_plugins
from harness.testing.checks.check import BrokenPromiseError, Check
from harness.testing.generate import checks_of, members_in
from harness.testing.perform import not_worth_it, perform
from harness.testing.run import refuse_unknown


@dataclass(frozen=True, slots=True)
class PytestCheck:
    """One check, to be called by a test."""

    check: Check
    verdicts: dict[str, str] = field(repr=False)
    """Of the checks that were made before, by id."""

    def __call__(self) -> None:
        """Make the check in this process; skips the test where it cannot be made.

        Raises:
            BrokenPromiseError: the promise is broken; says what was seen, what the contract is and
                how to fix it.
        """
        if reason := not_worth_it(self.check, self.verdicts):
            pytest.skip(reason)
        outcome = perform(self.check)
        self.verdicts[self.check.id] = outcome.verdict
        if outcome.verdict == "skipped":
            pytest.skip(outcome.seen)
        if outcome.verdict == "failed":
            raise BrokenPromiseError(outcome.text)


def parametrized(
    name: str, choice: Choice, roots: Mapping[str, Path], expected: Mapping[str, str]
) -> pytest.MarkDecorator:
    """See :func:`harness.testing.parametrize`."""
    checks = checks_of(name, installed_plugins(choice=choice, asked=members_in(name)), roots)
    refuse_unknown(expected, checks)
    verdicts: dict[str, str] = {}
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(PytestCheck(check, verdicts), id=check.id, marks=_marks(check, expected))
            for check in checks
        ],
    )


def _marks(check: Check, expected: Mapping[str, str]) -> tuple[pytest.MarkDecorator, ...]:
    if check.id not in expected:
        return ()
    reason = expected[check.id]
    return (pytest.mark.xfail(reason=reason, strict=True, raises=BrokenPromiseError),)
