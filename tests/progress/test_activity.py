"""``harness status`` from another shell: what a run is doing, by what lies on disk."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_tools import TINY, harness, inside


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished cells."""
    folder = tmp_path_factory.mktemp("study")
    done = harness("run", "--plugins", "baselines", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "results" / "phantom-quick"


@pytest.fixture
def interrupted(study: Path) -> Iterator[Path]:
    """The same study while ``baselines/pixels`` has no status; returns that cell's folder."""
    (cell,) = study.glob("cells/baselines--pixels/*/*")
    status = (cell / "status.json").read_bytes()
    (cell / "status.json").unlink()
    yield cell
    (cell / "status.json").write_bytes(status)


def states(study: Path) -> dict[str, tuple[str, str]]:
    told = json.loads(inside("status", study, "--json", cwd=study).stdout)
    return {cell["method"]: (cell["status"], cell["detail"]) for cell in told}


def test_a_finished_cell_is_shown_with_its_score(study: Path) -> None:
    state, detail = states(study)["baselines/pixels"]
    assert state == "ok"
    assert detail.startswith("F1 0.")


def test_what_a_killed_run_has_left_is_unfinished(study: Path, interrupted: Path) -> None:
    assert states(study)["baselines/pixels"][0] == "unfinished"


@pytest.mark.parametrize(
    ("log", "history", "state"),
    [
        (-60, -60, "queued"),
        (+1, -60, "waiting"),
        (+1, +1, "running"),
    ],
)
def test_a_run_that_goes_on_tells_queued_waiting_and_running(
    study: Path, interrupted: Path, log: int, history: int, state: str
) -> None:
    """Seconds are from the moment when the run took the folder; earlier files are of another."""
    lines = [json.dumps({"event": "prepare", "done": 1, "total": 4})]
    kept = (interrupted / "history.jsonl").read_bytes()
    (interrupted / "history.jsonl").write_text("\n".join(lines) + "\n")
    now = time.time()
    os.utime(study / ".lock", (now, now))
    os.utime(interrupted / "log.txt", (now + log, now + log))
    os.utime(interrupted / "history.jsonl", (now + history, now + history))
    with (study / ".lock").open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = states(study)["baselines/pixels"]
    (interrupted / "history.jsonl").write_bytes(kept)
    assert found[0] == state
    if state == "running":
        assert found[1] == "images are prepared 25%"


def test_looking_disturbs_no_run_that_starts(study: Path) -> None:
    before = (study / ".lock").read_bytes()
    states(study)
    assert (study / ".lock").read_bytes() == before
