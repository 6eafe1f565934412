"""What a process hands on to those that it starts: environment, working directory, umask, signals.

Other people's code runs in the process of a command (plugins are described there, session hooks
and datasets' factories are called there). What it changes of these is put back when it returns, so
that no cell inherits it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """A snapshot."""

    environment: Mapping[str, str]
    directory: str | None
    """The working directory; None where it has been deleted."""
    umask: int
    handlers: Mapping[int, Any]
    """Signal -> its handler, for signals that Python knows the handler of."""

    @classmethod
    def capture(cls) -> Surroundings:
        """As they are now."""
        umask = os.umask(0o077)
        os.umask(umask)
        handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        return cls(
            environment=dict(os.environ),
            directory=_working_directory(),
            umask=umask,
            handlers={number: known for number, known in handlers.items() if known is not None},
        )

    def restore(self) -> None:
        """Put back what differs; handlers only where that is possible, in the main thread."""
        if dict(os.environ) != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)
        if self.directory is not None and _working_directory() != self.directory:
            os.chdir(self.directory)
        os.umask(self.umask)
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.handlers.items():
                if signal.getsignal(number) is not handler:
                    signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run other people's code and put back what it changes."""
    before = Surroundings.capture()
    try:
        yield
    finally:
        before.restore()


def _working_directory() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return None
