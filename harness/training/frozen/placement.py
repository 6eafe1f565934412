"""Where activations of frozen layers may be kept, and what happened to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import NDArray

from harness.results.record import ActivationsRecord
from harness.runtime.stopwatch import Taken
from harness.storage.disk import free_bytes as free_disk_bytes
from harness.training.rows import free_bytes

SHARE_OF_FREE_DISK = 0.5
SHARE_OF_FREE_MEMORY = 0.4


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Where activations may be kept, and what decides them besides the prefix and the images."""

    cache: Path
    facts: Mapping[str, Any]
    """JSON values: code, versions, prepared store, device, precision."""
    disk_budget: int | None = None
    """Bytes that the activations of one prefix may take on disk; None: half of what is free."""
    memory_budget: int | None = None
    """The same in memory, where the disk is not enough; None: a share of what is free."""
    progress: Callable[[int, int], None] = lambda done, total: None

    def disk_bytes(self) -> int:
        """What the activations of one prefix may take on disk."""
        free = free_disk_bytes(self.cache)
        if self.disk_budget is not None:
            return min(self.disk_budget, free)
        return int(free * SHARE_OF_FREE_DISK)

    def memory_bytes(self) -> int:
        """What they may take in memory."""
        if self.memory_budget is not None:
            return self.memory_budget
        return int(free_bytes(torch.device("cpu")) * SHARE_OF_FREE_MEMORY)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What happened to the activations of one prefix."""

    where: Literal["disk", "memory", "per batch"]
    nbytes: int
    """What they take, or would."""
    taken: Taken | None = None
    """Full cost of making them, whichever cell made them; None where nothing is kept."""
    key: str | None = None
    """Names those on the disk: stages with the same one use the same activations."""
    array: NDArray[Any] | None = None
    """Activations [views * N, ...] of the N images, as they are and then mirrored."""

    @property
    def seconds(self) -> float:
        """Wall time of making them; 0 where nothing is kept."""
        return 0.0 if self.taken is None else self.taken["wall_seconds"]

    def to_json(self) -> ActivationsRecord:
        taken = self.taken
        return {
            "where": self.where,
            "bytes": self.nbytes,
            "seconds": self.seconds,
            "cpu_seconds": 0.0 if taken is None else taken["cpu_seconds"],
            "other_load": None if taken is None else taken["other_load"],
            "key": self.key,
        }


def file_name(computed: torch.dtype) -> str:
    """Of activations that the prefix returns in this type, whatever they are kept in."""
    return f"activations-{str(computed).removeprefix('torch.')}.npy"


def computed_in(name: str) -> torch.dtype | None:
    """The type that a file's name states; None for any other name."""
    said = re.fullmatch(r"activations-(\w+)\.npy", name)
    dtype = said and getattr(torch, said[1], None)
    return dtype if isinstance(dtype, torch.dtype) else None
