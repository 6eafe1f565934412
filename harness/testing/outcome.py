"""What came of checks, one by one and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.testing.checks.check import Check

Verdict = Literal["passed", "failed", "skipped", "expected failure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one check."""

    id: str
    """``SUBJECT:NAME`` of the check."""
    group: str
    """``static``, ``contract``, ``learning`` or ``timing``."""
    verdict: Verdict
    seen: str = ""
    """What the plugin did, where that is not what it promised; or why nothing was checked."""
    contract: str = ""
    """What was promised."""
    fix: str = ""
    """What to change where the promise is broken."""
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The failure in three parts: what was seen, what the contract is, how to fix it."""
        return f"{self.id}: {self.seen}\n  contract: {self.contract}\n  fix: {self.fix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of all checks of a plugin."""

    name: str
    """The plugin's name, or the method's id, that was asked for."""
    outcomes: tuple[Outcome, ...]
    """One per check, in the order in which they were made."""

    @property
    def ok(self) -> bool:
        """Whether some check passed and none failed. An expected failure counts as neither."""
        counts = self.counts
        return counts["failed"] == 0 and counts["passed"] > 0

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of checks by verdict, zeros included."""
        found = Counter(outcome.verdict for outcome in self.outcomes)
        verdicts: tuple[Verdict, ...] = ("passed", "failed", "skipped", "expected failure")
        return {verdict: found[verdict] for verdict in verdicts}

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.verdict == "failed")


def made(check: Check, verdict: Verdict, seen: str = "", seconds: float = 0.0) -> Outcome:
    """The outcome of a check."""
    return Outcome(
        id=check.id,
        group=check.promise.group,
        verdict=verdict,
        seen=seen,
        contract=check.promise.contract,
        fix=check.promise.fix,
        seconds=seconds,
    )


def as_expected(outcome: Outcome, reason: str | None) -> Outcome:
    """The outcome beside what was expected of the check: that it fails, and why; None for a check
    that should pass. A check that passes although its failure was expected has failed."""
    if reason is None or outcome.verdict == "skipped":
        return outcome
    if outcome.verdict == "failed":
        return _replaced(outcome, "expected failure", f"{reason} ({outcome.seen})")
    return Outcome(
        id=outcome.id,
        group=outcome.group,
        verdict="failed",
        seen=f"it passes, although its failure was expected ({reason})",
        contract=outcome.contract,
        fix="remove the expectation: the promise holds again",
        seconds=outcome.seconds,
    )


def _replaced(outcome: Outcome, verdict: Verdict, seen: str) -> Outcome:
    return Outcome(
        id=outcome.id,
        group=outcome.group,
        verdict=verdict,
        seen=seen,
        contract=outcome.contract,
        fix=outcome.fix,
        seconds=outcome.seconds,
    )
