"""Killed at any moment and started again, a run ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.cli_tools import command, environment, harness

CONVNEXT, UNET = "supervised/convnext_base", "segmentation/unet"
EPOCHS = {CONVNEXT: 40, UNET: 8}
"""Enough of them that a signal arrives before the last."""


def arguments(method: str) -> tuple[str, ...]:
    return (
        "run", "--plugins", f"{method},baselines/majority", "--jobs", "1",
        "--set", f"epochs={EPOCHS[method]}", "--set", "train_images=64",
        "--set", "test_images=16", "--set", "probe_seconds=0.1",
    )  # fmt: skip


ARGUMENTS = arguments(CONVNEXT)


def predictions(folder: Path) -> dict[str, bytes]:
    files = (folder / "results").rglob("predictions-*.npz")
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


def epochs(folder: Path) -> list[int]:
    histories = list((folder / "results").rglob("cells/*/*/*/history.jsonl"))
    lines = [json.loads(line) for h in histories for line in h.read_text().splitlines()]
    return [line["epoch"] for line in lines if line["event"] == "epoch"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, bytes]]:
    @cache
    def predicted(method: str) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp("undisturbed")
        done = harness(*arguments(method), cwd=folder)
        assert done.returncode == 0, done.stderr
        return predictions(folder)

    return predicted


@pytest.mark.parametrize(
    ("method", "how"),
    [(CONVNEXT, signal.SIGKILL), (CONVNEXT, signal.SIGINT), (UNET, signal.SIGKILL)],
)
def test_an_interrupted_run_goes_on_to_byte_identical_predictions(
    method: str,
    how: signal.Signals,
    undisturbed: Callable[[str], dict[str, bytes]],
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        command(*arguments(method)),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores interrupts, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while len(epochs(tmp_path)) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == (-9 if how == signal.SIGKILL else 130), stderr
    assert "Traceback" not in stderr
    finished = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("status.json")}
    assert all("baselines" in str(p) for p in finished)
    before = len(epochs(tmp_path))

    done = harness(*arguments(method), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert predictions(tmp_path) == undisturbed(method)
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in finished.items())
    assert len(epochs(tmp_path)) - before < EPOCHS[method], "it went on from a checkpoint"
    assert "resumes after epoch " in done.stderr
    assert f"epoch 1/{EPOCHS[method]}" not in done.stderr, "an earlier run has told that"


def test_no_process_of_a_killed_run_lives_on(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(*ARGUMENTS), cwd=tmp_path, env=environment({"RUN_MARK": str(tmp_path)}),
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not epochs(tmp_path):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while left := marked(f"RUN_MARK={tmp_path}"):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def marked(text: str) -> list[str]:
    """Processes whose environment holds ``text``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                if text.encode() in (entry / "environ").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue  # It has ended, or is somebody else's.
    return found


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = subprocess.Popen(
        command(*ARGUMENTS), cwd=tmp_path, env=environment(),
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.rglob("study.json")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second = harness(*ARGUMENTS, cwd=tmp_path)
        assert second.returncode == 2
        assert "is in use by " in second.stderr
        assert f", process {first.pid}, since 20" in second.stderr
    finally:
        first.kill()
        first.wait()
