"""How a benchmark is timed, and what is kept beside its times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

Setup = Callable[[], tuple[tuple[Any, ...], dict[str, Any]]]
"""Arguments for one round."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Times a function in rounds of a given number, as most here are too slow for calibration."""

    benchmark: BenchmarkFixture
    rates: dict[str, float] = field(default_factory=dict)
    """Benchmark -> images per second; shared by the whole session."""

    def __call__(
        self,
        run: Callable[..., Any],
        *,
        rounds: int,
        iterations: int = 1,
        warmup_rounds: int = 1,
        setup: Setup | None = None,
        images: int | None = None,
        **extra: Any,
    ) -> Any:
        """What the last call of ``run`` returned.

        Args:
            images: how many images one call works on.
            extra: further facts of one call, for the saved file.
        """
        result = self.benchmark.pedantic(
            run, setup=setup, rounds=rounds, iterations=iterations, warmup_rounds=warmup_rounds
        )
        self.benchmark.extra_info |= extra
        if images is not None and self.benchmark.stats is not None:
            rate = images / self.benchmark.stats.stats.median
            self.benchmark.extra_info |= {"images": images, "images_per_second": rate}
            self.rates[self.benchmark.name] = rate
        return result
