"""A terminal that one thread at a time writes to, and a display that is drawn on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live

SECONDS = 0.25
"""Between two frames."""


class OneWriter(Console):
    """A console whose lines and frames never mix.

    The library moves the cursor up by the height of the last frame, and writes later: where another
    thread writes between the two, lines are lost or stay behind.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.writing = threading.RLock()

    def print(self, *objects: Any, **options: Any) -> None:
        with self.writing:
            super().print(*objects, **options)


@contextmanager
def drawn(live: Live, console: OneWriter) -> Iterator[None]:
    """Open the display and draw it four times a second; its own refreshing is off."""
    ended = threading.Event()

    def draw() -> None:
        while not ended.wait(SECONDS):
            with console.writing:
                live.refresh()

    thread = threading.Thread(target=draw, name="display", daemon=True)
    with live:
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
