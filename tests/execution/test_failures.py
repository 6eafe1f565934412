"""A cell that goes wrong is a row; the others go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli_tools import TINY, harness, write_plugin

LIGHT = """
    import harness

    HARNESS_API = 1
    NAMES = (
        "raises", "memory", "killed", "hangs", "exits", "skips", "shapeless", "unbuildable",
        "unimportable", "stalls", "good",
    )

    @harness.hookimpl
    def harness_methods():
        for name in NAMES:
            kind = {"unimportable": "broken", "stalls": "stalls"}.get(name, "models")
            yield harness.MethodSpec(
                name=name,
                factory=f"harness_naughty_{kind}:{name.capitalize()}",
                task="classification",
                family="naughty",
                summary="A method for tests",
            )
        yield harness.MethodSpec(
            name="elsewhere",
            factory="harness_naughty_models:Good",
            task="classification",
            family="naughty",
            summary="A method that needs a package",
            requires=("surely-not-installed>=2",),
        )
"""

MODELS = """
    import os, signal, sys, time
    import numpy as np

    class Good:
        def __init__(self, problem):
            self.classes = len(problem.classes)

        def skip(self):
            return None

        def fit(self, train, val, context):
            print("fitting", type(self).__name__)

        def predict(self, images):
            return {"label": np.full((len(images), self.classes), 1 / self.classes, np.float32)}

        def save(self, directory):
            (directory / "model.txt").write_text("constant")

        def load(self, directory):
            pass

    class Raises(Good):
        def fit(self, train, val, context):
            raise ValueError("the knob fell off")

    class Memory(Good):
        def fit(self, train, val, context):
            raise MemoryError("no room for 3 TB")

    class Killed(Good):
        def fit(self, train, val, context):
            os.kill(os.getpid(), signal.SIGKILL)

    class Hangs(Good):
        def fit(self, train, val, context):
            time.sleep(600)

    class Exits(Good):
        def fit(self, train, val, context):
            os._exit(7)

    class Skips(Good):
        def skip(self):
            return "it is raining"

    class Unbuildable(Good):
        def __init__(self, problem):
            raise ValueError("no such width")

    class Shapeless(Good):
        def predict(self, images):
            return {"label": np.zeros(len(images), np.float32)}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict], str, int]:
    """All of them in one run: (folder, statuses by method, what was printed, exit code)."""
    folder = tmp_path_factory.mktemp("naughty")
    plugins = write_plugin(folder / "site", "naughty", LIGHT, MODELS)
    (plugins / "harness_naughty_broken.py").write_text("import surely_not_there\n")
    (plugins / "harness_naughty_stalls.py").write_text("import time\ntime.sleep(600)\n")
    done = harness(
        "run", "--plugins", "naughty", *TINY, "--timeout", "20", cwd=folder, plugins=plugins
    )
    statuses = {
        path.parents[2].name.removeprefix("naughty--"): json.loads(path.read_text())
        for path in (folder / "results").rglob("status.json")
    }
    return folder, statuses, done.stdout + done.stderr, done.returncode


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("raises", "failed", "ValueError: the knob fell off"),
        ("memory", "oom", "no room for 3 TB"),
        ("killed", "failed", "killed by SIGKILL"),
        ("hangs", "timeout", "ran past --timeout 20 s"),
        ("stalls", "timeout", "ran past --timeout 20 s"),
        ("exits", "failed", "ended with code 7"),
        ("skips", "skipped", "it is raining"),
        ("shapeless", "failed", "expected probabilities of shape"),
        ("unbuildable", "load_failed", "ValueError: no such width"),
        ("unimportable", "load_failed", "surely_not_there"),
        ("elsewhere", "not_installed", "pip install 'surely-not-installed>=2'"),
        ("good", "ok", ""),
    ],
)
def test_every_way_to_end_is_a_status_with_its_reason(
    run: tuple[Path, dict[str, dict], str, int], method: str, status: str, reason: str
) -> None:
    found = run[1][method]
    assert (found["status"], reason in found["reason"]) == (status, True), found


def test_the_run_tells_and_exits_with_1(run: tuple[Path, dict[str, dict], str, int]) -> None:
    _, _, printed, code = run
    assert code == 1
    assert "naughty/raises" in printed
    assert "the knob fell off" in printed
    assert "naughty/good" in printed
    assert "naughty/stalls  importing harness_naughty_stalls of plugin naughty" in printed


def test_the_last_lines_of_the_log_are_kept(run: tuple[Path, dict[str, dict], str, int]) -> None:
    tail = run[1]["raises"]["log_tail"]
    assert any("ValueError: the knob fell off" in line for line in tail)


def test_what_failed_is_tried_again_and_what_is_finished_is_not(
    run: tuple[Path, dict[str, dict], str, int],
) -> None:
    folder, statuses, _, _ = run
    again = harness(
        "run",
        "--plugins",
        "naughty/good,naughty/raises",
        *TINY,
        cwd=folder,
        plugins=folder / "site",
    )
    assert again.returncode == 1
    (good,) = (folder / "results").glob("*/cells/naughty--good/*/*/status.json")
    (raises,) = (folder / "results").glob("*/cells/naughty--raises/*/*/status.json")
    assert json.loads(good.read_text()) == statuses["good"]
    assert json.loads(raises.read_text()) != statuses["raises"]
