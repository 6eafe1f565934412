"""The errors that a user sees as one message.

Everything else that escapes is a bug in the harness and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class HarnessError(Exception):
    """Bad input: what was seen, where, and what to do about it.

    The command line prints the message on stderr and exits with code 2. Raise it from a plugin
    for the same effect; inside a cell it becomes the reason of the cell's ``failed`` status.

    Args:
        text: the message.
        about: the key of a study file whose value is wrong, e.g. ``"preset"``, or
            ``"data_param.size"`` for an entry of a table. Where a study file says the value, its
            line is added to the message.
    """

    def __init__(self, text: str = "", *, about: str | None = None) -> None:
        super().__init__(text)
        self.about = about


class SpecError(HarnessError):
    """A spec that a plugin offers breaks the contract."""


class Skip(HarnessError):
    """Raised inside a cell: it cannot run here by design, and the message says why.

    The cell ends ``skipped(<message>)``, which is not a failure.
    """


def said(error: BaseException) -> str:
    """What an error of other people's code says, on one line, behind its type unless it is a
    :class:`HarnessError`. Never raises."""
    name = type(error).__name__
    text = " ".join(text_of(error).split())
    if isinstance(error, HarnessError) and text:
        return text
    return f"{name}: {text}" if text else name


def text_of(error: BaseException) -> str:
    """``str(error)``; of an error whose text cannot be made, what that raises."""
    try:
        return str(error)
    except Exception as worse:
        return f"its text cannot be made ({type(worse).__name__})"


@contextmanager
def about(key: str) -> Iterator[None]:
    """Errors raised in the block that do not say what they are about are about ``key``."""
    try:
        yield
    except HarnessError as error:
        error.about = error.about or key
        raise


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"``, or nothing where no known word is near."""
    import difflib  # Of use only once something is wrong.

    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
