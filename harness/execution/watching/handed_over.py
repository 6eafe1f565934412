"""A cell that an executor has: its handle, asked so that whatever it does costs this cell only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeGuard, TypeVar, get_args

from harness.errors import HarnessError, said
from harness.execution.contract.executor import (
    Ending,
    EndingKind,
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


def is_running_cell(handle: object) -> TypeGuard[RunningCell]:
    """Whether it can be asked what a cell that runs is asked."""
    return all(callable(getattr(handle, name, None)) for name in ("poll", "kill"))


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
        self.job: str | None = None
        """By which it is found again."""

    def taken(self, handle: object) -> None:
        """The executor has it, by this handle."""
        if not is_running_cell(handle):
            self.broken = f"the executor returned {handle!r:.40} instead of a cell that runs"
            return
        self.handle = handle
        job = self._ask(lambda: getattr(handle, "job", None), "to say which job it is", None)
        if job is None or (isinstance(job, str) and job.isprintable()):
            self.job = job
        else:
            self.broken = f"the executor's job is {job!r:.40} instead of a line of text"

    def not_started(self, error: BaseException) -> None:
        """The executor has raised instead of starting it."""
        own = isinstance(error, HarnessError)
        self.broken = said(error) if own else f"the executor failed to start it: {said(error)}"

    def runs(self) -> bool:
        """Whether the executor says that its process runs."""
        if self.alive is not None or not isinstance(self.handle, Queued):
            return True
        handle = self.handle
        state: object = self._ask(lambda: handle.state(), "to say whether it waits", "running")
        if state not in ("queued", "running"):
            self._is_broken(f"state() returned {state!r:.40} instead of 'queued' or 'running'")
        return state != "queued"

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        code: object = None
        if not self.broken:
            code = self._ask(lambda: self.handle.poll(), "to say whether it still runs", None)
        if code is not None and not isinstance(code, int):
            self._is_broken(f"poll() returned {code!r:.40} instead of an exit code")
        if self.broken:
            self.kill()
            return 1
        assert code is None or isinstance(code, int)
        return code

    def kill(self) -> None:
        """End it."""
        self._ask(lambda: self.handle.kill(), "to end it", None)

    def reason(self) -> Ending | None:
        """Why it has ended, where the executor knows."""
        if not isinstance(self.handle, Explained):
            return None
        handle = self.handle
        found: object = self._ask(lambda: handle.reason(), "to say why it has ended", None)
        if found is None:
            return None
        if (
            isinstance(found, Ending)
            and found.kind in get_args(EndingKind)
            and isinstance(found.reason, str)
        ):
            return found
        self._is_broken(f"reason() returned {found!r:.80} instead of a harness.Ending")
        return None

    def seconds(self) -> float:
        """Since its first sign of life."""
        return 0.0 if self.alive is None else time.monotonic() - self.alive

    def _is_broken(self, what: str) -> None:
        self.broken = self.broken or f"the executor's {what}"

    def _ask(self, call: Callable[[], T], what: str, otherwise: T) -> T:
        try:
            return call()
        except (KeyboardInterrupt, ExecutorError):
            raise
        except BaseException as error:
            self.broken = self.broken or f"the executor failed {what}: {said(error)}"
            return otherwise
