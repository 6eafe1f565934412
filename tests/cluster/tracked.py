"""What runs on clusters leave behind, as their tests look at it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli_tools import command, environment

SLOW = Path(__file__).with_name("slow_plugin.py")
FEW = ("--set", "train_images=32", "--set", "test_images=16", "--set", "probe_seconds=0.1")
LONG = ("--plugin", SLOW, "--plugins", "slow_plugin/a,slow_plugin/b", "--epochs", "6", *FEW)
"""Two cells of six epochs, each of which takes a second or more."""
FOUR_KINDS = (
    "--plugins",
    "baselines,supervised/convnext_base,segmentation/unet,ssl/dinov2_base@freeze8",
    "--epochs",
    "2",
    *FEW,
)


def statuses(folder: Path) -> dict[str, tuple[str, str]]:
    """Method -> status and reason."""
    found = {}
    for path in folder.glob("results/*/cells/*/*/*/status.json"):
        status = json.loads(path.read_text())
        method = json.loads(path.with_name("cell.json").read_text())["id"]
        found[method] = (status["status"], status["reason"])
    return found


def predictions(folder: Path) -> dict[str, bytes]:
    """File -> its content, of all cells."""
    files = folder.glob("results/*/cells/*/*/*/predictions-*.npz")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def histories(folder: Path) -> dict[str, list[dict[str, object]]]:
    return {
        path.parents[2].name: [json.loads(line) for line in path.read_text().splitlines()]
        for path in folder.glob("results/*/cells/*/*/*/history.jsonl")
    }


def epochs_of(folder: Path) -> dict[str, list[object]]:
    return {
        name: [line["epoch"] for line in lines if line["event"] == "epoch"]
        for name, lines in histories(folder).items()
    }


def resumed(folder: Path) -> set[str]:
    """Cells that have gone on from a checkpoint."""
    return {
        name
        for name, lines in histories(folder).items()
        if any(line["event"] == "resumed" for line in lines)
    }


def jobs_of(folder: Path) -> dict[str, str]:
    return {
        path.parents[2].name: json.loads(path.read_text())["job"]
        for path in folder.glob("results/*/cells/*/*/*/job.json")
    }


def until(happens: Callable[[], object], what: str, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"not in {seconds} s: {what}"
        time.sleep(0.1)


def begin(*words: str | Path, cwd: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    """``harness run``, which goes on meanwhile."""
    return subprocess.Popen(
        command("run", *words),
        cwd=cwd,
        env=environment(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # A shell may have had its jobs ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
