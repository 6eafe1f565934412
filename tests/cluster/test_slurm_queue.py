"""What is made of the answers of SLURM, without one."""

from __future__ import annotations

import pytest

from harness_clusters import slurm_commands, slurm_queue
from harness_clusters.slurm_commands import JobState
from harness_clusters.slurm_queue import GONE, Queue

RUNS = {"7": JobState("RUNNING", "None", "n1")}


def test_a_job_is_gone_when_two_answers_in_a_row_lack_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([{}, RUNS, {}, RUNS, {}, {}])
    monkeypatch.setattr(slurm_commands, "states", lambda jobs: next(answers))
    monkeypatch.setattr(slurm_queue, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(slurm_queue, "JOBS_PER_SECOND", float("inf"))
    queue = Queue()
    queue.watch(["7"])
    told = [queue.state("7") for _ in range(6)]
    assert told[0].state == "PENDING"
    assert told[1:5] == [RUNS["7"]] * 4
    assert told[5] == GONE
