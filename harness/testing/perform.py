"""Makes one check in this process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping

from harness.errors import HarnessError, Skip
from harness.runtime.surroundings import undisturbed
from harness.testing.checks.check import BrokenPromiseError, Check, NotCheckedError
from harness.testing.outcome import Outcome, made

_TEXT_LIMIT = 500
"""Characters of a foreign error that an outcome repeats."""


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
        return made(check, "failed", _seen(error), time.monotonic() - started)
    return made(check, "passed", seconds=time.monotonic() - started)


def _seen(error: BaseException) -> str:
    text = " ".join(str(error).split())
    text = f"{text[:_TEXT_LIMIT]} …" if len(text) > _TEXT_LIMIT else text
    if isinstance(error, BrokenPromiseError | HarnessError):
        return text
    frames = [
        frame
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if not str(frame.f_globals.get("__name__")).startswith("harness.")
    ]
    kind = f"it raised {type(error).__name__}" + (f": {text}" if text else "")
    if isinstance(error, SystemExit):
        kind = f"it called sys.exit({text})"
    last = next(
        (
            f" ({frame.filename}:{frame.lineno})"
            for frame in reversed(traceback.extract_tb(error.__traceback__))
        ),
        "",
    )
    return kind + (last if frames else "")
