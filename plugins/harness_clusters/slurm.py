"""Runs cells as jobs of SLURM: submitit writes and submits an array, ``squeue`` tells of it."""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import harness
from harness_clusters import slurm_commands
from harness_clusters.become import become
from harness_clusters.slurm_commands import NoAnswerError, default_time
from harness_clusters.slurm_queue import QUEUED, Queue, has_ended
from harness_clusters.slurm_reasons import ending_of

ARRIVAL_SECONDS = 20.0
"""That a file may take from a node to here."""
FOLDER = "slurm"
"""Of a study, for what jobs print."""


class Slurm:
    """See :class:`harness.Executor`. Jobs stay when the command ends, unless it cancels them."""

    poll_seconds = 1.0

    def __init__(self, settings: harness.ExecutorSettings) -> None:
        assert settings.study is not None
        self._params = settings.params
        self._jobs_at_a_time = settings.jobs
        self._folder = settings.study / FOLDER
        if found := re.search(r"%\w", str(self._folder)):
            raise harness.HarnessError(
                f"--executor slurm: {settings.study} holds {found.group()}, which SLURM replaces "
                "in names of files; choose another --out or --name",
                about="out",
            )
        self._queue = Queue()
        self._before: dict[str, slurm_commands.JobState] | None = None

    def submit(
        self, directory: Path, resources: harness.Resources, facts: harness.CellFacts
    ) -> SlurmCell:
        """One job."""
        one = harness.Submission(directory=directory, resources=resources, facts=facts)
        return self.submit_many([one])[0]

    def submit_many(self, submissions: Sequence[harness.Submission]) -> list[SlurmCell]:
        """Arrays of at most ``array_size`` jobs: all, or none.

        Raises:
            ExecutorError: SLURM does not take all of them.
        """
        size = self._params["array_size"]
        chunks = [submissions[i : i + size] for i in range(0, len(submissions), size)]
        cells: list[SlurmCell] = []
        try:
            for chunk in chunks:
                cells += self._array(chunk, len(chunks))
        except BaseException:
            # Nobody is told of those that SLURM has taken, so nobody would find them again.
            slurm_commands.cancel([cell.job for cell in cells])
            raise
        return cells

    def _array(self, chunk: Sequence[harness.Submission], arrays: int) -> list[SlurmCell]:
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        try:
            executor = SlurmExecutor(self._folder, python=self._params["python"] or _python())
            executor.update_parameters(**self._parameters(arrays))
            words = [
                harness.cell_command(each.directory, each.resources, each.facts) for each in chunk
            ]
            jobs = executor.map_array(become, words)
        except (FailedJobError, FailedSubmissionError, NoAnswerError, RuntimeError) as error:
            said = str(error).strip().splitlines()
            lines = [line for line in said if "error" in line.lower()] or said
            raise harness.ExecutorError(
                f"SLURM takes no job: {(lines or ['sbatch fails'])[0].strip()}; see "
                "--executor-param"
            ) from error
        ids = [job.job_id for job in jobs]
        self._queue.watch(ids)
        return [self._cell(job, each.directory) for job, each in zip(ids, chunk, strict=True)]

    def _parameters(self, arrays: int) -> dict[str, Any]:
        """As submitit takes them."""
        params = self._params
        at_a_time = params["array_parallelism"] or self._jobs_at_a_time
        limit = params["time"] or default_time(params["partition"])
        more = {name: params[name] for name in ("gres", "mem") if params[name]}
        named = {name: params[name] for name in ("partition", "account") if params[name]}
        # True makes an option without a value.
        other = {name: value == "true" or value for name, value in params["sbatch"].items()}
        return {
            **named,
            "job_name": "harness",
            "cpus_per_task": params["cpus_per_task"],
            "array_parallelism": max(1, at_a_time // arrays) if at_a_time else params["array_size"],
            "setup": params["setup"] or None,
            "use_srun": False,
            "additional_parameters": {"time": limit, **more, **other},
        }

    def adopt(self, directory: Path, job: str) -> SlurmCell | None:
        """One that an earlier command has submitted. Another cluster's number may be that of
        something else here.

        Raises:
            ExecutorError: SLURM does not answer.
        """
        if self._before is None:
            try:
                self._before = slurm_commands.living()
            except NoAnswerError as error:
                raise harness.ExecutorError(f"SLURM does not answer: {error}") from error
        found = self._before.get(job)
        if found is None or has_ended(found) or not self._is_own(found):
            return None
        self._queue.watch([job], {job: found})
        return self._cell(job, directory)

    def _is_own(self, job: slurm_commands.JobState) -> bool:
        try:
            return Path(job.script).parent.samefile(self._folder)
        except OSError:
            return False

    def leave(self) -> None:
        """Jobs go on."""

    def close(self) -> None:
        """Cancel what still waits or runs."""
        jobs = self._queue.living()
        try:
            slurm_commands.cancel(jobs)
        except NoAnswerError as error:
            raise harness.HarnessError(
                f"SLURM does not answer ({error}): jobs may go on; scancel {' '.join(jobs)} ends "
                "them"
            ) from error

    def _cell(self, job: str, directory: Path) -> SlurmCell:
        return SlurmCell(job, directory, self._folder, self._queue, self._params)


class SlurmCell:
    """A cell that is a job."""

    def __init__(self, job: str, directory: Path, folder: Path, queue: Queue, params: Any) -> None:
        self.job = job
        self._directory = directory
        self._folder = folder
        self._queue = queue
        self._params = params
        self._ended: float | None = None

    def state(self) -> Literal["queued", "running"]:
        return "queued" if self._queue.state(self.job).state in QUEUED else "running"

    def poll(self) -> int | None:
        found = self._queue.state(self.job)
        if not has_ended(found):
            return None
        self._ended = self._ended or time.monotonic()
        return 0 if found.state in ("COMPLETED", "GONE") else 1

    def kill(self) -> None:
        # Where SLURM does not answer, the next round asks again.
        with contextlib.suppress(NoAnswerError):
            slurm_commands.cancel([self.job])

    def reason(self) -> harness.Ending | None:
        """Why it has left no status.

        Raises:
            ExecutorError: it could not even print: nodes do not see the study's folder.
        """
        printed = self._folder / f"{self.job}_0_log.err"
        found = self._queue.state(self.job)
        waited = self._ended is not None and time.monotonic() - self._ended > ARRIVAL_SECONDS
        if found.state == "FAILED" and waited and not printed.exists():
            slurm_commands.cancel(self._queue.living())
            raise harness.ExecutorError(
                f"SLURM job {self.job} on {found.node} failed and has left nothing in "
                f"{self._folder}: the results folder must be on a file system that all nodes see, "
                "under the same path; choose another --out. All jobs of this run were cancelled"
            )
        return ending_of(self.job, found, self._directory, printed, self._params)


def _python() -> str:
    return f"{shlex.quote(sys.executable)} -P"
