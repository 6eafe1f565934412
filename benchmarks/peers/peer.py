"""What the measurement asks of a peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.workload import State, Workload


@dataclass(frozen=True, slots=True)
class Training:
    """A training that has been set up: data in place, network built, nothing trained."""

    run: Callable[[], object]
    """Trains all epochs. This alone is timed."""
    weights: Callable[[], State]
    """The weights after the last epoch."""
    account: Callable[[], str] = str
    """Where the time went, in words, of a peer that knows."""


Peer = Callable[[Workload, Path], Training]
"""Sets up a training; the folder is empty, and the peer's own for what it writes."""
