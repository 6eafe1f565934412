"""What the three libraries have in common: one logged run for each cell, whatever is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from harness_loggers.logged import Run


class OpenRun(Protocol):
    """A run that is being written."""

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        """Log the metrics of an epoch."""
        ...

    def end(self, run: Run) -> None:
        """Log the results and how the cell ended, and close the run. Last of all comes the mark
        that :meth:`Tracker.holds` looks for."""
        ...

    def abandon(self) -> None:
        """Close it as it is: the cell has not ended."""
        ...


class Tracker(Protocol):
    """A library, and the place that it writes to."""

    def holds(self, run: Run) -> bool:
        """Whether exactly this run has been logged to its end."""
        ...

    def begin(self, run: Run) -> OpenRun:
        """A run without epochs, in the place of whatever is logged of the cell."""
        ...


@dataclass(slots=True)
class _Entry:
    run: Run
    """As it is logged so far."""
    written: OpenRun
    again: bool = False
    """Whether an epoch came twice, with other values: the run has to be written anew."""


class Desk:
    """Writes runs while their cells run, or all at once when they have ended."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._entries: dict[str, _Entry] = {}

    def begin(self, run: Run) -> None:
        """A cell has begun, or goes on."""
        self._abandon(run.hash)
        entry = _Entry(run, self._tracker.begin(run))
        self._entries[run.hash] = entry
        with self._abandoned_on_error(run.hash):
            for number, values in run.epochs.items():
                entry.written.epoch(number, values)

    def epoch(self, key: str, number: int, values: dict[str, float]) -> None:
        """The cell with this hash has trained an epoch more."""
        entry = self._entries[key]
        if number in entry.run.epochs:
            # Killed behind its last checkpoint, a cell repeats an epoch.
            entry.again |= entry.run.epochs[number] != values
            return
        with self._abandoned_on_error(key):
            entry.written.epoch(number, values)
        entry.run.epochs[number] = values

    def end(self, run: Run) -> None:
        """A cell has ended, now or in an earlier run."""
        entry = self._entries.get(run.hash)
        if entry is None and self._tracker.holds(run):
            return
        if entry is None or entry.again or entry.run.epochs != run.epochs:
            self.begin(run)
        with self._abandoned_on_error(run.hash):
            self._entries[run.hash].written.end(run)
        del self._entries[run.hash]

    def close(self) -> None:
        """Close the runs of cells that have not ended."""
        for key in list(self._entries):
            self._abandon(key)

    @contextmanager
    def _abandoned_on_error(self, key: str) -> Iterator[None]:
        """What could be written only in part is written anew when the cell ends."""
        try:
            yield
        except BaseException:
            self._abandon(key)
            raise

    def _abandon(self, key: str) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            entry.written.abandon()
