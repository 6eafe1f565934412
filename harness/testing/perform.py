"""Makes one check in this process."""

from __future__ import annotations

import time
from collections.abc import Mapping

from harness.errors import Skip
from harness.runtime.surroundings import undisturbed
from harness.testing.checks.check import Check, NotCheckedError, said
from harness.testing.outcome import Outcome, made


def not_worth_it(check: Check, before: Mapping[str, str]) -> str:
    """Why the check is left out after others; empty where nothing speaks against it.

    Args:
        before: id -> verdict of the checks that were made.
    """
    broken = [name for name in check.after if before.get(name) in ("failed", "expected failure")]
    return f"not reached: {broken[0]} fails" if broken else ""


def perform(check: Check) -> Outcome:
    """What comes of the check; whatever the plugin's code raises is part of it, but for an
    interrupt. What it changes of environment variables, working directory, umask and signal
    handlers is put back."""
    started = time.monotonic()
    try:
        with undisturbed():
            check.function()
    except NotCheckedError as error:
        return made(check, "skipped", str(error), time.monotonic() - started)
    except Skip as error:
        return made(check, "skipped", f"it skips itself: {error}", time.monotonic() - started)
    except (Exception, SystemExit) as error:
        return made(check, "failed", said(error), time.monotonic() - started)
    return made(check, "passed", seconds=time.monotonic() - started)
