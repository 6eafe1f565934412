"""From prediction files to metrics, and from records to a table."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import many_cells
from benchmarks.timed import Timed
from harness.cli import report, score
from harness.discovery.registry import Plugins

CELLS = 2_000
MEMORY = Path("/dev/shm")
NEEDED = 1_000_000_000
"""Bytes: several times what the cells take."""


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """A folder in memory where there is room, so that no disk has a say in the times."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED
    with tempfile.TemporaryDirectory(prefix="cells-", dir=MEMORY if roomy else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def results(scratch: Path, plugins: Plugins) -> Path:
    """A study's folder."""
    return many_cells.write_finished(many_cells.request(CELLS, scratch / "many"), plugins)


@pytest.fixture(scope="module")
def every_method(scratch: Path, plugins: Plugins) -> Path:
    """The folder of a study with all bundled methods and three seeds, scored."""
    study = many_cells.write_finished(many_cells.each_method(3, scratch / "every"), plugins)
    _score(study)
    return study


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


@pytest.mark.benchmark(group="finished cells: the page")
@pytest.mark.parametrize("which", ["every_method", "scored"])
def test_page(timed: Timed, request: pytest.FixtureRequest, tmp_path: Path, which: str) -> None:
    """Of 33 methods and three seeds, and of two thousand cells; with its size."""
    study, page = request.getfixturevalue(which), tmp_path / "page.html"

    def run() -> None:
        with pytest.raises(SystemExit) as end:
            report.command.main(
                [str(study), "--html", "--output", str(page)], standalone_mode=False
            )
        assert end.value.code == 0

    timed(run, rounds=3, cells=len(list(study.glob("cells/*/*/*"))))
    timed.benchmark.extra_info["megabytes"] = page.stat().st_size / 1e6


def _score(study: Path) -> None:
    score.command.main([str(study)], standalone_mode=False)
