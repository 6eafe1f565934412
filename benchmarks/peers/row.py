"""One line of the result: what was compared, what came out, and what was to be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.peers.measure import Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measured figure beside its target."""

    comparison: str
    """Name that ``--only`` takes."""
    what: str
    value: Spread
    """A ratio, or seconds where ``unit`` says so."""
    target: float | None = None
    """None: for information."""
    at: Literal["most", "least"] = "most"
    """Which side of the target is the good one."""
    unit: Literal["x", "s"] = "x"
    cpu: Spread | None = None
    """The same ratio of CPU times, where no worker processes take part."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        if self.at == "most":
            return self.value.median <= self.target
        return self.value.median >= self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How near a peer's result is to the bare loop's, from equal initial weights and order."""

    comparison: str
    peer: str
    loss: float
    """Cross-entropy over the validation part, with the weights after the last epoch."""
    apart: float
    """Relative distance of the weights from the first peer's."""
