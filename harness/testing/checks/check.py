"""One check: what is promised, and a function that finds out whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

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
