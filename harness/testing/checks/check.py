"""One check: what is promised, and a function that finds out whether it holds."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.errors import HarnessError

_TEXT_LIMIT = 500
"""Characters of a foreign error that an outcome repeats."""

Group = Literal["static", "contract", "learning", "timing"]


class BrokenPromiseError(Exception):
    """A plugin does not do what it promised; the message says what was seen instead."""


class NotCheckedError(Exception):
    """The question does not arise here, or cannot be answered; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One sentence of the contract, and what to do where it is broken."""

    name: str
    group: Group
    contract: str
    """What holds of a plugin that passes, as a sentence."""
    fix: str
    """What its author changes, as an instruction."""
    after: tuple[str, ...] = ()
    """Names of promises about the same thing: where one of them is broken, this one is not checked,
    as its failure would only repeat theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A promise of one plugin, method, dataset or other thing that a plugin offers."""

    subject: str
    """The plugin's name, a method's id, or ``dataset:NAME`` and the like."""
    promise: Promise
    function: Callable[[], None]
    """Returns where the promise holds.

    Raises:
        BrokenPromiseError: it does not.
        NotCheckedError: it is not known whether it does.
        Exception: of the plugin's own code, which breaks the promise as well.
    """

    @property
    def id(self) -> str:
        """``SUBJECT:NAME``, unique among the checks of a plugin."""
        return f"{self.subject}:{self.promise.name}"

    @property
    def after(self) -> tuple[str, ...]:
        """Ids of the checks that this one is not worth making without."""
        return tuple(f"{self.subject}:{name}" for name in self.promise.after)


def said(error: BaseException) -> str:
    """What the error shows of a plugin, in a sentence: with the line where it was raised, unless it
    is a message of the harness."""
    text = " ".join(str(error).split())
    text = f"{text[:_TEXT_LIMIT]} …" if len(text) > _TEXT_LIMIT else text
    if isinstance(error, BrokenPromiseError | HarnessError):
        return text
    what = f"it raised {type(error).__name__}" + (f": {text}" if text else "")
    if isinstance(error, SystemExit):
        what = f"it called sys.exit({text})"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{what} ({frames[-1].filename}:{frames[-1].lineno})" if frames else what
