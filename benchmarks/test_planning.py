"""From a request to its cells."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from benchmarks.many_cells import request
from benchmarks.timed import Timed
from harness.discovery.registry import Plugins
from harness.planning.plan import plan

CELLS = 100_000


@pytest.mark.benchmark(group="planning")
def test_planning(timed: Timed, plugins: Plugins, tmp_path: Path) -> None:
    """Methods x seeds x fractions on the embedded dataset; nothing is read from disk or written."""
    asked = request(CELLS, tmp_path)
    study = timed(lambda: plan(asked, plugins), rounds=1, warmup_rounds=0, cells=CELLS)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timed.benchmark.extra_info |= {"peak_memory_bytes": peak}
    assert len(study.cells) == CELLS
