"""What a command waits for, named on stderr once that takes longer than two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SECONDS = 2.0


@contextmanager
def patience(doing: str, *, shown: bool = True) -> Iterator[Callable[[str], None]]:
    """``with patience("describing") as busy: busy("plugin acme")``

    A line ``describing plugin acme …`` for everything that is named and still the last after two
    seconds.

    Args:
        shown: whether anything is printed.
    """
    waiting = _Waiting(doing)
    try:
        yield waiting.begin if shown else lambda what: None
    finally:
        waiting.end()


class _Waiting:
    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._timer: threading.Timer | None = None

    def begin(self, what: str) -> None:
        self.end()
        line = f"{self._doing} {what} …"
        self._timer = threading.Timer(_SECONDS, print, (line,), {"file": sys.stderr, "flush": True})
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
