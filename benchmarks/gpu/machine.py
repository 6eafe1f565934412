"""The machine that figures belong to: what it is, and how fast it multiplies matrices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import torch

from benchmarks.gpu.blocks import Deadline, Stopwatch
from benchmarks.machine import facts

SIDE = {"cuda": 8192, "cpu": 512}
"""Rows and columns of the matrices."""
MATRIX_SECONDS = 5.0
"""After them, fewer blocks are enough."""


def machine_facts(device: torch.device) -> dict[str, Any]:
    """Processor, threads, packages, GPU, driver, clock and power limit; and the date."""
    return {**facts(str(device)), "date": datetime.now(UTC).isoformat(timespec="seconds")}


def matrix_rate(stopwatch: Stopwatch, dtype: torch.dtype) -> float:
    """FLOP/s of products of square matrices of random numbers, the median of some blocks."""
    side = SIDE[stopwatch.device.type]
    left, right = (torch.randn(side, side, device=stopwatch.device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    timed = stopwatch.interleaved(
        {"product": lambda: torch.mm(left, right, out=out)}, 1, Deadline.after(MATRIX_SECONDS)
    )
    return 2 * side**3 * timed["product"].rate
