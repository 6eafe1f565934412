"""A cell that an executor has: its handle, asked so that whatever it does costs this cell only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from harness.errors import HarnessError, said
from harness.execution.contract.executor import (
    Ending,
    ExecutorError,
    Explained,
    Queued,
    RunningCell,
)
from harness.machine import Resources
from harness.study import Cell

T = TypeVar("T")


class NotStarted:
    """Replaces the handle of a cell that the executor did not take."""

    def poll(self) -> int:
        return 1

    def kill(self) -> None:
        """It does not run."""


class HandedOver:
    """From its submission to its end."""

    def __init__(self, cell: Cell, resources: Resources, *, asked: float, attempt: int = 1) -> None:
        self.cell = cell
        self.resources = resources
        self.asked = asked
        """By ``time.time``."""
        self.attempt = attempt
        self.handle: RunningCell = NotStarted()
        self.broken = ""
        """What the executor did that it must not."""
        self.alive: float | None = None
        """When its first sign of life was seen, by ``time.monotonic``."""
        self.killed: float | None = None
        """When it was first to be ended, as it had timed out."""
        self.left: float | None = None
        """When its status was first seen."""
        self.ended: tuple[float, int] | None = None
        """When it was first found to have ended, and its exit code."""

    @property
    def job(self) -> str | None:
        """By which it is found again."""
        job = getattr(self.handle, "job", None)
        return job if isinstance(job, str) else None

    def not_started(self, error: BaseException) -> None:
        """The executor has raised instead of starting it."""
        own = isinstance(error, HarnessError)
        self.broken = said(error) if own else f"the executor failed to start it: {said(error)}"

    def runs(self) -> bool:
        """Whether the executor says that its process runs."""
        if self.alive is not None or not isinstance(self.handle, Queued):
            return True
        handle = self.handle
        return self._ask(handle.state, "to say whether it waits", "running") != "queued"

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        if self.broken:
            return 1
        handle = self.handle
        code: int | None = self._ask(handle.poll, "to say whether it still runs", None)
        if self.broken:
            self.kill()
            return 1
        if code is not None and not isinstance(code, int):
            self.broken = f"the executor's poll() returned {code!r:.40} instead of an exit code"
            return 1
        return code

    def kill(self) -> None:
        """End it."""
        self._ask(self.handle.kill, "to end it", None)

    def reason(self) -> Ending | None:
        """Why it has ended, where the executor knows."""
        if not isinstance(self.handle, Explained):
            return None
        found = self._ask(self.handle.reason, "to say why it has ended", None)
        return found if isinstance(found, Ending) else None

    def seconds(self) -> float:
        """Since its first sign of life."""
        return 0.0 if self.alive is None else time.monotonic() - self.alive

    def _ask(self, call: Callable[[], T], what: str, otherwise: T) -> T:
        try:
            return call()
        except (KeyboardInterrupt, ExecutorError):
            raise
        except BaseException as error:
            self.broken = self.broken or f"the executor failed {what}: {said(error)}"
            return otherwise
