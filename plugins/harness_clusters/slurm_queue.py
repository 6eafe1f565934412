"""The jobs of a run, asked of SLURM all at once and not too often."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import harness
from harness_clusters import slurm_commands
from harness_clusters.slurm_commands import JobState, NoAnswerError

REFRESH_SECONDS = 2.0
"""Between two questions about few jobs."""
JOBS_PER_SECOND = 500.0
"""Of a question about many, that one second of waiting is spent for."""
PATIENCE_SECONDS = 600.0
"""That SLURM may be out of reach before the run ends, its jobs left alone."""

QUEUED = frozenset(
    (
        "PENDING",
        "CONFIGURING",
        "REQUEUED",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "SPECIAL_EXIT",
        "RESIZING",
    )
)
RUNNING = frozenset(("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"))
GONE = JobState("GONE", "", "")
"""Of a job that SLURM has forgotten."""


class Queue:
    """Remembers what SLURM has last said."""

    def __init__(self) -> None:
        self._jobs: set[str] = set()
        self._known: dict[str, JobState] = {}
        self._missed: set[str] = set()
        """Jobs that were not in the last answer."""
        self._asked = float("-inf")
        self._answered = time.monotonic()

    def watch(self, jobs: Iterable[str], known: Mapping[str, JobState] | None = None) -> None:
        """From now on.

        Args:
            known: what SLURM has just said of them.
        """
        self._jobs.update(jobs)
        self._known.update(known or {})

    def state(self, job: str) -> JobState:
        """At most some seconds old.

        Raises:
            ExecutorError: SLURM has not answered for a long time.
        """
        self._refresh()
        return self._known.get(job, JobState("PENDING", "", ""))

    def living(self) -> list[str]:
        """Watched jobs that have not ended, as far as known."""
        return [job for job in self._jobs if not has_ended(self.state(job))]

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._asked < max(REFRESH_SECONDS, len(self._jobs) / JOBS_PER_SECOND):
            return
        self._asked = now
        open_jobs = [
            job for job in self._jobs if job not in self._known or not has_ended(self._known[job])
        ]
        if not open_jobs:
            return
        try:
            found = slurm_commands.states(open_jobs)
        except NoAnswerError as error:
            if now - self._answered > PATIENCE_SECONDS:
                raise harness.ExecutorError(
                    f"SLURM has not answered for {PATIENCE_SECONDS / 60:.0f} minutes ({error}); "
                    "jobs are left alone: repeat the command to find them again"
                ) from error
            return
        self._answered = now
        for job in open_jobs:
            if job in found:
                self._known[job] = found[job]
            elif job in self._missed:
                self._known[job] = GONE
        # Once is no proof: an answer may be older than the job, where a site keeps answers.
        self._missed = {job for job in open_jobs if job not in found}


def has_ended(job: JobState) -> bool:
    """Whether it neither waits nor runs."""
    return job.state not in QUEUED and job.state not in RUNNING
