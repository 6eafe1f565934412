"""Whatever a method does in its cell, it is one row with its own reason, and the row beside it is
the one that a run without it has, byte by byte."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli_tools import TINY, harness, write_plugin

NAMES = {
    "exits": ("failed", "its code called sys.exit(); a method or metric that cannot continue"),
    "leaves": ("failed", "ended with code 0 and left no status"),
    "crashes": ("failed", "killed by SIGSEGV"),
    "mute": ("failed", "Mute: its text cannot be made (ValueError)"),
    "cancelled": ("failed", "CancelledError: too late"),
    "builds": ("failed", "ValueError: no such layer"),
    "nan": ("failed", "the training loss of epoch 1 is nan"),
    "whole": ("failed", "forward() returned 'label' of type torch.int64; expected floating-point"),
    "predicts": ("failed", "ValueError: cannot predict"),
    "colours": ("failed", "ValueError: \x1b[31mred\u202e"),
    "hangs": ("timeout", "ran past --timeout 25 s"),
    "prints": ("ok", ""),
    "global_state": ("ok", ""),
    "children": ("ok", ""),
    "forks": ("ok", ""),
}
LIGHT = f"""
    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_methods():
        for name in {list(NAMES)!r}:
            yield harness.MethodSpec(
                name=name, factory=f"harness_zoo_models:{{name}}", task="classification",
                family="zoo", summary="A method for tests",
            )

    @harness.hookimpl
    def harness_cell_finish(cell):
        class Mute(BaseException):
            def __str__(self):
                raise ValueError
        raise Mute
"""
MODELS = """
    import asyncio, ctypes, os, signal, subprocess, sys, time
    import numpy as np
    import torch
    from torch import nn

    import harness

    class Good(harness.TorchMethod):
        def build(self):
            features = 3 * self.problem.image_size**2
            return nn.Sequential(nn.Flatten(), nn.Linear(features, len(self.problem.classes)))

        def forward(self, module, images):
            return {"label": module(images)}

    def method(build=None, forward=None):
        class Method(Good):
            pass
        if build is not None:
            Method.build = build
        if forward is not None:
            Method.forward = forward
        return lambda problem: Method(problem)

    class Mute(Exception):
        def __str__(self):
            raise ValueError

    def raising(error):
        def build(self):
            raise error
        return build

    def doing(action):
        def build(self):
            action()
            return Good.build(self)
        return build

    exits = method(build=doing(lambda: sys.exit(4)))
    leaves = method(build=doing(lambda: os._exit(0)))
    crashes = method(build=doing(lambda: ctypes.string_at(0)))
    mute = method(build=raising(Mute()))
    cancelled = method(build=raising(asyncio.CancelledError("too late")))
    builds = method(build=raising(ValueError("no such layer")))
    colours = method(build=raising(ValueError("\\x1b[31mred\\u202e")))
    nan = method(forward=lambda self, m, x: {"label": m(x) * float("nan")})
    whole = method(forward=lambda self, m, x: {"label": m(x).round().long()})
    hangs = method(build=doing(lambda: time.sleep(600)))

    def disturb():
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(7)
        np.random.seed(1)
        os.environ["PATH"] = ""
        os.chdir("/")
        os.umask(0)
        sys.path.clear()
        torch.set_default_dtype(torch.float32)

    def start():
        sleep = [sys.executable, "-c", "import time; time.sleep(600)", "left-by-the-zoo"]
        subprocess.Popen(sleep)
        subprocess.Popen(sleep, start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv(sys.executable, sleep)
            os._exit(0)

    prints = method(build=doing(lambda: [os.write(1, b"x" * 999 + b"\\n") for _ in range(40_000)]))
    global_state = method(build=doing(disturb))
    children = method(build=doing(start))
    forks = method(build=doing(os.fork))

    class predicts:
        def __init__(self, problem): ...
        def skip(self): ...
        def fit(self, train, val, context): ...
        def predict(self, images): raise ValueError("cannot predict")
        def save(self, directory): ...
        def load(self, directory): ...
"""
UNDESCRIBED = {
    "zoo_hangs": ("while True: pass", "was still importing harness_zoo_hangs after 10 s"),
    "zoo_crashes": ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV while importing"),
    "zoo_leaves": ("import os; os._exit(0)", "ended the process with code 0 while importing"),
    "zoo_torch": ("import torch", "imports torch at"),
}
FAST = (*TINY, "--set", "probe_seconds=0.1", "--set", "image_size=32", "--timeout", "25")


class Run:
    """A run of the zoo beside ``baselines/pixels``, and one of that alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        plugins = write_plugin(folder / "site", "zoo", LIGHT, MODELS)
        for name, (code, _) in UNDESCRIBED.items():
            write_plugin(folder / "site", name, code)
        self.listing = harness("plugins", cwd=folder, plugins=plugins)
        words = ("run", "--no-progress", *FAST, "--plugins")
        self.done = harness(*words, "zoo,baselines/pixels", cwd=folder, plugins=plugins)
        self.alone = harness(*words, "baselines/pixels", "--out", "alone", cwd=folder)
        self.report = harness("report", "results", cwd=folder, plugins=plugins)

    def cell(self, method: str, out: str = "results") -> Path:
        (path,) = self.folder.glob(f"{out}/*/cells/{method.replace('/', '--')}/*/*")
        return path

    def study(self) -> dict[str, Any]:
        (path,) = self.folder.glob("results/*/study.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("zoo"))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_row_with_its_own_reason(run: Run, name: str) -> None:
    status, reason = NAMES[name]
    found = json.loads((run.cell(f"zoo/{name}") / "status.json").read_text())
    assert found["status"] == status, found["reason"]
    assert reason in found["reason"]
    assert f"zoo/{name}" in run.report.stdout


@pytest.mark.parametrize("name", UNDESCRIBED)
def test_a_plugin_that_cannot_be_described_is_listed_and_noted(run: Run, name: str) -> None:
    assert f"{name}: failed: " in run.listing.stdout
    line = next(x for x in run.listing.stdout.splitlines() if x.startswith(f"{name}: failed: "))
    assert UNDESCRIBED[name][1] in line
    assert f"note: plugin {name!r} did not load; this run uses none" in run.done.stderr


def test_a_plugin_that_takes_its_time_is_named_while_it_does(run: Run) -> None:
    assert run.listing.stderr == "describing plugin zoo_hangs …\n"
    assert "describing" not in run.done.stderr  # It is remembered.


def test_sys_exit_is_told_with_its_line(run: Run) -> None:
    reason = json.loads((run.cell("zoo/exits") / "status.json").read_text())["reason"]
    line = MODELS.split("\n").index("    exits = method(build=doing(lambda: sys.exit(4)))") + 1
    assert f"harness_zoo_models.py:{line})" in reason


def test_the_row_beside_them_is_byte_for_byte_the_one_of_a_run_alone(run: Run) -> None:
    assert run.alone.returncode == 0, run.alone.stderr
    digests = [
        {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in run.cell("baselines/pixels", out).glob("predictions-*.npz")
        }
        for out in ("results", "alone")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) >= 2


def test_no_process_of_a_cell_outlives_it_and_each_is_named(run: Run) -> None:
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert "left-by-the-zoo" not in running
    told = [line for line in run.done.stderr.splitlines() if "left 3 processes running" in line]
    assert len(told) == 1
    assert "note: zoo/children left" in told[0]
    assert told[0].count("left-by-the-zoo (pid ") == 3


def test_of_a_cell_that_a_method_forks_one_process_trains(run: Run) -> None:
    cell = run.cell("zoo/forks")
    lines = map(json.loads, (cell / "history.jsonl").read_text().splitlines())
    epochs = [line["epoch"] for line in lines if line["event"] == "epoch"]
    assert epochs == sorted(set(epochs))
    assert epochs
    assert "a process that a plugin had forked has been ended" in (cell / "log.txt").read_text()


def test_a_long_log_is_cut_in_the_middle(run: Run) -> None:
    log = run.cell("zoo/prints") / "log.txt"
    assert 10_000_000 < log.stat().st_size < 11_000_000
    assert "bytes cut here" in log.read_text()


def test_what_is_shown_controls_no_terminal(run: Run) -> None:
    for shown in (run.done.stdout, run.done.stderr, run.report.stdout):
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def test_a_hook_that_raises_anything_is_a_warning(run: Run) -> None:
    said = "warning: hook harness_cell_finish of plugin 'zoo' failed: Mute: its text cannot be made"
    assert run.done.stderr.count(said) == len(NAMES) + 1


def test_the_study_lists_every_plugin_and_the_hooks_it_ran(run: Run) -> None:
    plugins = {plugin["name"]: plugin for plugin in run.study()["plugins"]}
    assert plugins["zoo"] == {
        "name": "zoo",
        "distribution": "harness-zoo",
        "version": "1.0",
        "path": None,
        "status": "ok",
        "reason": "",
        "hooks": ["harness_cell_finish", "harness_methods"],
    }
    assert plugins["core"]["hooks"] == ["harness_executors", "harness_metrics", "harness_tasks"]


VANDAL = """
    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_methods():
        for name in ("writes", "deletes"):
            yield harness.MethodSpec(
                name=name, factory=f"harness_vandal_models:{name}", task="classification",
                family="vandal", summary="A method for tests",
            )
"""
VANDALS = """
    import shutil
    import numpy as np

    class Method:
        def __init__(self, problem):
            self.classes = len(problem.classes)

        def skip(self): ...

        def fit(self, train, val, context):
            study = next(p for p in context.directory.parents if (p / "study.json").exists())
            (victim,) = study.glob("cells/baselines--pixels/*/*")
            self.harm(victim)

        def predict(self, images):
            return {"label": np.full((len(images), self.classes), 1 / self.classes, np.float32)}

        def save(self, directory): ...
        def load(self, directory): ...

    class writes(Method):
        def harm(self, victim):
            (victim / "predictions-test.npz").write_bytes(b"nothing of use")

    class deletes(Method):
        def harm(self, victim):
            shutil.rmtree(victim)
"""


@pytest.mark.parametrize(
    ("name", "file"), [("writes", "predictions-test.npz"), ("deletes", "cell.json")]
)
def test_what_is_done_to_another_cell_is_found_blamed_and_made_good(
    tmp_path: Path, run: Run, name: str, file: str
) -> None:
    plugins = write_plugin(tmp_path / "site", "vandal", VANDAL, VANDALS)
    words = ("run", "--no-progress", *FAST, "--jobs", "1", "--plugins")
    done = harness(*words, f"vandal/{name},baselines/pixels", cwd=tmp_path, plugins=plugins)
    assert done.returncode == 1
    assert "warning: files of baselines/pixels/" in done.stderr
    (vandal,) = tmp_path.glob("results/*/cells/vandal--*/*/*/status.json")
    found = json.loads(vandal.read_text())
    assert found["status"] == "failed"
    assert "changed files of another cell: baselines/pixels/" in found["reason"]
    assert file in found["reason"]
    (again,) = tmp_path.glob("results/*/cells/baselines--pixels/*/*/predictions-test.npz")
    before = run.cell("baselines/pixels", "alone") / "predictions-test.npz"
    assert again.read_bytes() == before.read_bytes()
