"""From prediction files to metrics, and from records to a table."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.many_cells import write_finished
from benchmarks.timed import Timed
from harness.cli import report, score
from harness.discovery.registry import Plugins

CELLS = 2_000
MEMORY = Path("/dev/shm")
NEEDED = 1_000_000_000
"""Bytes: several times what the cells take."""


@pytest.fixture(scope="module")
def results(plugins: Plugins) -> Iterator[Path]:
    """A study's folder, in memory where there is room, so that no disk has a say in the times."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED
    with tempfile.TemporaryDirectory(prefix="cells-", dir=MEMORY if roomy else None) as folder:
        yield write_finished(CELLS, Path(folder), plugins)


@pytest.fixture(scope="module")
def scored(results: Path) -> Path:
    if next(results.rglob("metrics.json"), None) is None:
        _score(results)
    return results


@pytest.mark.benchmark(group="finished cells: harness score")
def test_scoring(timed: Timed, results: Path) -> None:
    timed(lambda: _score(results), rounds=2, warmup_rounds=0, cells=CELLS)


@pytest.mark.benchmark(group="finished cells: harness report")
@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_reporting(timed: Timed, scored: Path, tmp_path: Path, form: str) -> None:
    arguments = [str(scored), "--format", form, "--output", str(tmp_path / "report")]

    def run() -> None:
        report.command.main(arguments, standalone_mode=False)

    timed(run, rounds=3, cells=CELLS)


def _score(study: Path) -> None:
    score.command.main([str(study)], standalone_mode=False)
