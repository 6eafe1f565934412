"""What a user waits for before anything begins."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.timed import Timed


def cpu_of_children() -> float:
    """Seconds of user and system time of the processes that have ended: steadier than wall time."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.benchmark(group="start-up: CPU time of a fresh process", timer=cpu_of_children)
@pytest.mark.parametrize("argument", ["--help", "plugins"])
def test_start_up(timed: Timed, argument: str) -> None:
    line = [sys.executable, "-m", "harness.cli.main", argument]
    timed(lambda: subprocess.run(line, check=True, stdout=subprocess.DEVNULL), rounds=10)


PLUGIN = """
import harness

HARNESS_API = 1

@harness.hookimpl
def harness_methods():
    yield harness.MethodSpec(name="net", factory="somewhere:build", task="classification",
                             family="supervised", summary="A network")
"""
BROKEN = ("1 / 0", "import nowhere", "import os; os._exit(0)", "import torch", "HARNESS_API = 0")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 distributions of third parties with a plugin each, of which 20 do not load."""
    folder = tmp_path_factory.mktemp("site")
    for number in range(200):
        name = f"other_{number:03}"
        code = BROKEN[number // 10 % len(BROKEN)] if number % 10 == 0 else PLUGIN
        (folder / f"{name}.py").write_text(code)
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[cxr_harness]\n{name} = {name}\n")
    return folder


@pytest.mark.benchmark(group="start-up: CPU time of a fresh process", timer=cpu_of_children)
@pytest.mark.parametrize("how", ["remembered", "fresh"])
def test_many_plugins(timed: Timed, site: Path, how: str) -> None:
    fresh = ["--fresh"] if how == "fresh" else []
    line = [sys.executable, "-m", "harness.cli.main", "plugins", *fresh]
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def listing() -> None:
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, env=environment)

    listing()
    timed(listing, rounds=3 if fresh else 10)
