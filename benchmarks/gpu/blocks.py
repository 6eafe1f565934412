"""Blocks of steps: contestants take turns, and the device is waited for at a block's edges only."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks.gpu.energy import Meter
from benchmarks.peers.measure import spread
from harness.training.fit.stage_inputs import synchronise

Step = Callable[[], object]
"""Gives the device one batch to work on, and need not wait for it."""

WARM_UP = 10
"""Steps before the timed ones."""
STEPS = 10
"""Of a block, at least."""
BLOCK_SECONDS = 0.3
"""Of a block, at least, unless told otherwise: NVML's counter of energy is too slow for less."""
FEWEST_BLOCKS = 2
FEWEST_WARM_UP = 3
"""Also how many of them tell the length of a step."""
SHORTEST_ENERGY = 1.0
"""Seconds that energy has to be summed over to mean anything."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a method has had its time."""

    end: float
    """By ``time.perf_counter``."""

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.perf_counter() + seconds)

    @property
    def passed(self) -> bool:
        return time.perf_counter() > self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some steps in a row."""

    steps: int
    seconds: float
    joules: float | None


@dataclass(kw_only=True)
class Timed:
    """The blocks of one contestant."""

    images: int
    """Per step."""
    warm_up: int
    """Steps before the first block."""
    blocks: list[Block] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Images per second of every block."""
        return [self.images * block.steps / block.seconds for block in self.blocks]

    @property
    def rate(self) -> float:
        """Images per second, the median of the blocks."""
        return spread(self.rates).median

    @property
    def joules_per_image(self) -> float | None:
        """None where it was not counted, or not for long enough."""
        if sum(block.seconds for block in self.blocks) < SHORTEST_ENERGY:
            return None
        joules = [block.joules for block in self.blocks]
        steps = sum(block.steps for block in self.blocks)
        if any(value is None for value in joules):
            return None
        return math.fsum(value for value in joules if value is not None) / (steps * self.images)

    def to_json(self) -> dict[str, Any]:
        return {
            "images_per_second": self.rate,
            "step_ms": 1000 * self.images / self.rate,
            "blocks": self.rates,
            "timed_steps": sum(block.steps for block in self.blocks),
            "warm_up_steps": self.warm_up,
        }


@dataclass(frozen=True, kw_only=True)
class Stopwatch:
    """Times contestants on one device."""

    device: torch.device
    meter: Meter
    blocks: int

    def warm_up(self, step: Step, deadline: Deadline) -> tuple[int, float]:
        """Take the steps that are not timed; how many there were, and seconds of one of the last.

        Args:
            step: what is warmed up.
            deadline: after it, a few steps are enough.
        """
        done = 0
        while done < WARM_UP - FEWEST_WARM_UP and not (done and deadline.passed):
            step()
            done += 1
        last = self.block(step, FEWEST_WARM_UP)
        return done + FEWEST_WARM_UP, last.seconds / FEWEST_WARM_UP

    def block(self, step: Step, steps: int) -> Block:
        synchronise(self.device)
        before = self.meter()
        started = time.perf_counter()
        for _ in range(steps):
            step()
        synchronise(self.device)
        seconds = time.perf_counter() - started
        after = self.meter()
        joules = None if before is None or after is None else after - before
        return Block(steps=steps, seconds=seconds, joules=joules)

    def interleaved(
        self,
        contestants: Mapping[str, Step],
        images: int,
        deadline: Deadline,
        *,
        block_seconds: float = BLOCK_SECONDS,
    ) -> dict[str, Timed]:
        """Every contestant's blocks, taken in turns: A B A B …

        Args:
            contestants: by name.
            images: per step.
            deadline: after it, two rounds are enough.
            block_seconds: of a block, at least.
        """
        timed: dict[str, Timed] = {}
        steps: dict[str, int] = {}
        for name, step in contestants.items():
            count, seconds = self.warm_up(step, deadline)
            timed[name] = Timed(images=images, warm_up=count)
            steps[name] = max(STEPS, math.ceil(block_seconds / seconds))
        gc.collect()
        for number in range(self.blocks):
            if deadline.passed and number >= FEWEST_BLOCKS:
                break
            for name, step in contestants.items():
                timed[name].blocks.append(self.block(step, steps[name]))
        return timed


def ratio(ours: Timed, theirs: Timed) -> dict[str, Any]:
    """Our speed over theirs, round by round: above 1, ours is faster."""
    found = spread([a / b for a, b in zip(ours.rates, theirs.rates, strict=True)])
    return {"median": found.median, "low": found.low, "high": found.high, "rounds": found.count}
