"""All checks of a plugin, each in a process that may hang or die, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from harness.errors import HarnessError, did_you_mean
from harness.planning.installed_plugins import Choice, installed_plugins
from harness.testing.checks.check import Check
from harness.testing.generate import checks_of, members_in
from harness.testing.isolated import Isolated
from harness.testing.outcome import Outcome, Report, as_expected, made
from harness.testing.perform import not_worth_it


def checked(
    name: str,
    *,
    choice: Choice,
    roots: Mapping[str, Path],
    expected: Mapping[str, str],
    limit: float,
    progress: Callable[[int, int], None],
) -> Report:
    """What came of all checks; see :func:`harness.testing.check_plugin`."""
    checks = checks_of(name, installed_plugins(choice=choice, asked=members_in(name)), roots)
    refuse_unknown(expected, checks)
    outcomes: list[Outcome] = []
    with closing(Isolated(name, choice, roots, limit)) as process:
        verdicts: dict[str, str] = {}
        for check in checks:
            reason = not_worth_it(check, verdicts)
            outcome = made(check, "skipped", reason) if reason else process.perform(check)
            outcome = as_expected(outcome, expected.get(check.id))
            verdicts[check.id] = outcome.verdict
            outcomes.append(outcome)
            progress(len(outcomes), len(checks))
    return Report(name=name, outcomes=tuple(outcomes))


def refuse_unknown(expected: Mapping[str, str], checks: tuple[Check, ...]) -> None:
    """HarnessError where a failure is expected of a check that there is not."""
    known = [check.id for check in checks]
    for name in expected:
        if name not in known:
            raise HarnessError(
                f"a failure of {name!r} is expected, which is no check{did_you_mean(name, known)}; "
                "'harness check NAME --json' lists them"
            )
