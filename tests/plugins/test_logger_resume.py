"""Killed and started again, a cell is one run of every logger."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import harness as package
from tests.cli_tools import command, environment, harness
from tests.tracked_runs import READ, Tracked, as_kept, curves_of

LOGGERS = tuple(READ)
SMALL = ("--set", "train_images=32", "--set", "test_images=16", "--set", "probe_seconds=0.1")


def test_a_cell_that_was_killed_goes_on_in_its_run(tmp_path: Path) -> None:
    arguments = (
        "run", "--plugins", "supervised/convnext_base", "--log", "tensorboard,mlflow,wandb",
        "--set", "epochs=60", *SMALL,
    )  # fmt: skip
    safely_read(tmp_path)  # So that the library is imported.
    process = subprocess.Popen(
        command(*arguments), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    )
    study = tmp_path / "results" / "phantom-quick"
    deadline = time.monotonic() + 120
    # TensorBoard can be watched while the cell trains.
    while not any(run.curves for run in safely_read(study)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)

    done = harness(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "resumes after epoch " in done.stderr
    assert "warning" not in done.stderr
    (cell,) = package.load(study)
    expected = curves_of(cell)
    assert len(expected["train/loss"]) == 60
    assert cell.metrics is not None
    for logger in LOGGERS:
        (run,) = READ[logger](study)
        assert run.well
        assert run.curves == as_kept(logger, expected)
        assert run.results["test/primary"] == as_kept(logger, cell.metrics["test"]["primary"])


def safely_read(study: Path) -> list[Tracked]:
    """What TensorBoard has so far: nothing while its first event is being written."""
    try:
        return READ["tensorboard"](study)
    except KeyError:
        return []
