"""Figures of some steps that are watched more closely than the timed ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks.gpu.blocks import FEWEST_WARM_UP, STEPS
from benchmarks.gpu.subject import Running
from harness.training.fit.stage_inputs import synchronise
from harness.training.fit.step import Chunk, Stepper
from harness.training.method import Batch


@dataclass
class _Watched:
    """Makes batches, and watches how long that takes."""

    stepper: Stepper
    device: torch.device
    host: float = 0.0
    """Seconds until batches were handed over; on a GPU, work may still lie ahead of it."""
    events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = field(default_factory=list)

    def take(self, chunk: Chunk) -> Batch:
        pair = self._events()
        if pair is not None:
            pair[0].record()
        asked = time.perf_counter()
        batch = self.stepper.batch(chunk)
        self.host += time.perf_counter() - asked
        if pair is not None:
            pair[1].record()
            self.events.append(pair)
        return batch

    def _events(self) -> tuple[torch.cuda.Event, torch.cuda.Event] | None:
        if self.device.type != "cuda":
            return None
        return torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)

    @property
    def on_device(self) -> float:
        """Seconds from the end of earlier work to a batch that is ready, by the device's clock."""
        if self.device.type != "cuda":
            return self.host
        return sum(first.elapsed_time(last) for first, last in self.events) / 1000


def few_steps(running: Running) -> None:
    """So that what follows finds kernels loaded and their algorithms chosen."""
    step = running.steps()
    for _ in range(FEWEST_WARM_UP):
        step()
    synchronise(running.training.device)


def data_wait(running: Running) -> dict[str, Any]:
    """Shares of the time of some steps that making their batches takes.

    ``device_share`` is what the device loses: from the end of its earlier work until the batch is
    gathered and normalised, idling included. ``host_share`` is how long the loop was held up in
    asking for batches; where that waits for the device's earlier work, it is long and costs the
    device little.
    """
    device = running.training.device
    watched = _Watched(running.stepper, device)
    step = running.steps(watched.take)
    synchronise(device)
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    synchronise(device)
    seconds = time.perf_counter() - started
    return {
        "device_share": watched.on_device / seconds,
        "host_share": watched.host / seconds,
        "steps": STEPS,
    }


@contextmanager
def memory(device: torch.device, record: dict[str, Any]) -> Iterator[None]:
    """Write down the device memory that the steps inside take at most, in bytes; None on a CPU.

    What is on the device already counts; what libraries have tried out and given back does not.
    """
    if device.type != "cuda":
        record["memory"] = {"allocated_bytes": None, "reserved_bytes": None}
        yield
        return
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    yield
    record["memory"] = {
        "allocated_bytes": torch.cuda.max_memory_allocated(device),
        "reserved_bytes": torch.cuda.max_memory_reserved(device),
    }
