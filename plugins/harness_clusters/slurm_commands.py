"""SLURM's own commands, and what they print."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import harness

WAIT_SECONDS = 60.0
"""That a command may take; SLURM's own answer within ten when its controller is there."""
_IDS_AT_ONCE = 500
_FORMAT = "%i|%T|%r|%N|%o"
_LINE = re.compile(r"(\d+(?:_\d+)?)\|(\w+)[^|]*\|([^|]*)\|([^|]*)\|(.*)")


class NoAnswerError(Exception):
    """SLURM does not answer; says why."""


@dataclass(frozen=True, slots=True)
class JobState:
    """One line of ``squeue``."""

    state: str
    """In SLURM's words, such as ``PENDING``."""
    why: str
    """For what a pending job waits, or why a job has ended."""
    node: str
    script: str = ""
    """Path of what it runs."""


def call(*words: str) -> str:
    """What a command prints.

    Raises:
        NoAnswerError: it fails, or takes too long.
    """
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=WAIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswerError(f"{words[0]}: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise NoAnswerError(lines[-1])
    return done.stdout


def partitions() -> list[str]:
    """Names of all partitions.

    Raises:
        HarnessError: the cluster does not answer.
    """
    try:
        lines = call("sinfo", "--noheader", "--all", "--format=%R").split()
    except NoAnswerError as error:
        raise harness.HarnessError(
            f"--executor slurm: the cluster does not answer: {error}", about="executor"
        ) from error
    return list(dict.fromkeys(lines))


def default_time(partition: str) -> str:
    """The limit that a job without one would have: the partition's default, else its longest.

    Raises:
        NoAnswerError: the cluster does not answer.
    """
    asked = [f"--partition={partition}"] if partition else []
    lines = call("sinfo", "--noheader", *asked, "--format=%R|%P|%L|%l").splitlines()
    found = [line.split("|") for line in lines]
    chosen = [words for words in found if partition or words[1].endswith("*")] or found
    _, _, usual, longest = chosen[0]
    return usual if usual not in ("n/a", "infinite") else longest.upper()


def states(jobs: Iterable[str]) -> dict[str, JobState]:
    """Job -> its state, of those that SLURM still knows.

    Args:
        jobs: ``123`` or, of an array, ``123_4``.

    Raises:
        NoAnswerError: the cluster does not answer.
    """
    arrays = sorted({job.partition("_")[0] for job in jobs})
    found: dict[str, JobState] = {}
    for start in range(0, len(arrays), _IDS_AT_ONCE):
        chunk = ",".join(arrays[start : start + _IDS_AT_ONCE])
        try:
            found |= _listed("--states=all", f"--jobs={chunk}")
        except NoAnswerError as error:
            # What it says where it has forgotten all of them.
            if "Invalid job id" not in str(error):
                raise
    return found


def living() -> dict[str, JobState]:
    """Job -> its state, of this user's that are queued or running.

    Raises:
        NoAnswerError: the cluster does not answer.
    """
    return _listed("--me")


def cancel(jobs: Sequence[str]) -> None:
    """End them; harmless for those that have ended.

    Raises:
        NoAnswerError: the cluster does not answer.
    """
    for start in range(0, len(jobs), _IDS_AT_ONCE):
        call("scancel", "--quiet", *jobs[start : start + _IDS_AT_ONCE])


def _listed(*words: str) -> dict[str, JobState]:
    lines = call("squeue", "--noheader", "--array", f"--format={_FORMAT}", *words).splitlines()
    # A site's own squeue may print more than that, as a note to its users.
    parts = [found.groups() for line in lines if (found := _LINE.fullmatch(line.strip()))]
    return {job: JobState(state, why, node, script) for job, state, why, node, script in parts}
