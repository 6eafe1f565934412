"""Cells as jobs of a real SLURM cluster of two nodes on this host."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_tools import harness
from tests.cluster import slurm_cluster
from tests.cluster.slurm_cluster import Cluster
from tests.cluster.tracked import (
    FEW,
    FOUR_KINDS,
    LONG,
    SLOW,
    begin,
    epochs_of,
    jobs_of,
    predictions,
    resumed,
    statuses,
    until,
)

pytestmark = pytest.mark.skipif(bool(slurm_cluster.missing()), reason=slurm_cluster.missing())

ON = ("--executor", "slurm")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        try:
            started = slurm_cluster.start(Path(folder))
        except slurm_cluster.NoClusterError as error:
            pytest.skip(f"SLURM does not run here: {error}")
        yield started
        started.stop()


@pytest.fixture
def env(cluster: Cluster) -> dict[str, str]:
    return {name: cluster.environment[name] for name in ("SLURM_CONF", "PATH")}


def test_predictions_equal_those_of_this_machine_byte_for_byte(
    tmp_path: Path, env: dict[str, str]
) -> None:
    words = ("run", *FOUR_KINDS)
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = harness(*words, cwd=tmp_path / "here")
    assert here.returncode == 0, here.stderr
    there = harness(*words, "--executor", "slurm", "--jobs", "16", cwd=tmp_path / "there", env=env)
    assert there.returncode == 0, there.stderr
    expected = predictions(tmp_path / "here")
    assert len(expected) == 10
    assert predictions(tmp_path / "there") == expected
    for timing in (tmp_path / "there").glob("results/*/cells/*/*/*/timing.json"):
        buckets = json.loads(timing.read_text())["buckets"]
        assert buckets["queued"] > 0
        status = json.loads(timing.with_name("status.json").read_text())
        own = sum(seconds for name, seconds in buckets.items() if name != "queued")
        assert status["seconds"] == pytest.approx(own, abs=2)


def test_a_killed_command_leaves_its_jobs_and_the_same_command_finds_them(
    tmp_path: Path, env: dict[str, str]
) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    env["SLOW_TRACES"] = str(traces)
    run = begin(*LONG, *ON, cwd=tmp_path, env=env)
    until(lambda: any(epochs_of(tmp_path).values()), "an epoch")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    before = jobs_of(tmp_path)
    assert len(before) == 2
    told = harness("status", "results", "--json", cwd=tmp_path, env=env)
    shown = {cell["method"]: cell for cell in json.loads(told.stdout)}
    assert {cell["status"] for cell in shown.values()} <= {"running", "queued", "ok"}
    assert {cell["job"] for cell in shown.values()} == set(before.values())
    again = harness("run", *LONG, "--executor", "slurm", cwd=tmp_path, env=env)
    assert again.returncode == 0, again.stderr
    assert "of an earlier command still queued or running" in again.stderr
    assert jobs_of(tmp_path) == before
    assert all(epochs == [1, 2, 3, 4, 5, 6] for epochs in epochs_of(tmp_path).values())
    # Each by one process, which the method counts: none was trained twice.
    assert len({path.name.partition("-")[2] for path in traces.iterdir()}) == 2


def test_a_detached_run_returns_and_the_same_command_collects(
    tmp_path: Path, env: dict[str, str]
) -> None:
    done = harness("run", *LONG, "--executor", "slurm", "--detach", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert statuses(tmp_path) == {}
    again = harness("run", *LONG, "--executor", "slurm", cwd=tmp_path, env=env)
    assert again.returncode == 0, again.stderr
    assert set(statuses(tmp_path).values()) == {("ok", "")}


@pytest.mark.parametrize("choice", ["keep", "cancel"])
def test_an_interrupt_keeps_or_cancels_jobs(
    choice: str, tmp_path: Path, env: dict[str, str], cluster: Cluster
) -> None:
    run = begin(*LONG, *ON, "--on-interrupt", choice, cwd=tmp_path, env=env)
    until(lambda: any(epochs_of(tmp_path).values()), "an epoch")
    os.killpg(run.pid, signal.SIGINT)
    run.communicate(timeout=400)
    jobs = jobs_of(tmp_path).values()
    assert len(jobs) == 2

    def alive() -> set[str]:
        return set(cluster.call("squeue", "--noheader", "--array", "--format=%i").split())

    if choice == "keep":
        assert set(jobs) <= alive()
        until(lambda: len(statuses(tmp_path)) == 2, "both cells")
        return
    until(lambda: not set(jobs) & alive(), "no job")
    assert statuses(tmp_path) == {}
    again = harness("run", *LONG, "--executor", "slurm", cwd=tmp_path, env=env)
    assert again.returncode == 0, again.stderr
    assert resumed(tmp_path)


def test_cells_of_a_node_that_fails_go_on_from_their_checkpoints_on_another(
    tmp_path: Path, env: dict[str, str], cluster: Cluster
) -> None:
    run = begin(*LONG, *ON, cwd=tmp_path, env=env)
    try:
        until(lambda: all(len(e) > 1 for e in epochs_of(tmp_path).values() or [[]]), "two epochs")
        cluster.kill_node("n1")
        cluster.call("scontrol", "update", "nodename=n1", "state=down", "reason=power")
        _, err = run.communicate(timeout=400)
    finally:
        cluster.start_node("n1")
    assert run.returncode == 0, err
    assert set(statuses(tmp_path).values()) == {("ok", "")}
    assert resumed(tmp_path)
    until(lambda: set(cluster.states().values()) == {"idle"}, "idle nodes")


def test_a_job_that_is_cancelled_from_outside_is_a_row_that_says_so(
    tmp_path: Path, env: dict[str, str], cluster: Cluster
) -> None:
    run = begin(*LONG, *ON, cwd=tmp_path, env=env)
    until(lambda: any(epochs_of(tmp_path).values()), "an epoch")
    job = jobs_of(tmp_path)["slow_plugin--a"]
    cluster.call("scancel", job)
    _, err = run.communicate(timeout=400)
    assert run.returncode == 1, err
    found = statuses(tmp_path)
    assert found["slow_plugin/b"] == ("ok", "")
    status, reason = found["slow_plugin/a"]
    assert status == "failed"
    assert f"SLURM job {job}" in reason
    assert "was cancelled" in reason


def test_a_cell_that_the_system_kills_is_a_row_that_says_so(
    tmp_path: Path, env: dict[str, str]
) -> None:
    plugin = tmp_path / "slow_plugin.py"
    # As the system does where memory is short: the process of the cell, and not its watcher.
    plugin.write_text(SLOW.read_text().replace("time.sleep(seconds)", "os.kill(os.getpid(), 9)"))
    words = ("run", "--plugin", plugin, "--plugins", "slow_plugin/a", *FEW, *ON)
    done = harness(*words, cwd=tmp_path, env=env)
    assert done.returncode == 1, done.stderr
    status, reason = statuses(tmp_path)["slow_plugin/a"]
    assert status == "failed"
    assert "killed by SIGKILL; the system may have run out of memory" in reason


def test_a_worker_with_other_code_refuses(tmp_path: Path, env: dict[str, str]) -> None:
    plugin = tmp_path / "slow_plugin.py"
    plugin.write_text(SLOW.read_text())
    words = ("run", "--plugin", plugin, "--plugins", "slow_plugin/a", *FEW)
    words = (*words, "--executor", "slurm")
    held = harness(*words, "--detach", "--executor-param", "sbatch.hold=", cwd=tmp_path, env=env)
    assert held.returncode == 2  # An empty value is no flag of sbatch.
    later = ("--executor-param", "sbatch.begin=now+6")
    assert harness(*words, "--detach", *later, cwd=tmp_path, env=env).returncode == 0
    plugin.write_text(SLOW.read_text() + "\n# edited\n")
    until(lambda: statuses(tmp_path), "a status")
    status, reason = statuses(tmp_path)["slow_plugin/a"]
    assert status == "load_failed"
    assert "has other code than this cell was planned with: slow_plugin source" in reason
    assert reason.endswith("give all machines the same environment, and repeat the command")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--executor-param", "partition=nope"), "no such partition; partitions of this cluster"),
        (("--executor-param", "account"), "write NAME=VALUE"),
        (("--executor-param", "partiton=main"), "did you mean 'partition'"),
        (("--executor-param", "partition=main,nope"), "partition=nope: no such partition"),
        (("--executor-param", "array_parallelism=-1"), "give a whole number from 0"),
        (("--executor-param", "setup=[1]"), "give a list of texts, a shell line each"),
        (("--executor-param", "sbatch.array=0-5"), "by this option the harness knows its jobs"),
        (("--executor-param", "sbatch.test_only=true"), "by this option the harness knows its"),
        (("--executor-param", "sbatch.nothere=1"), "unrecognized option '--nothere=1'; see --ex"),
        (("--executor-param", "sbatch.constraint=nothere"), "SLURM takes no job: sbatch: error:"),
        (("--out", "50%job"), "holds %j, which SLURM replaces in names of files"),
        (("--device", "cuda"), "add --executor-param gres=gpu:1"),
    ],
)
def test_what_cannot_be_had_is_one_message(
    words: tuple[str, ...], says: str, tmp_path: Path, env: dict[str, str]
) -> None:
    done = harness(
        "run", "--plugins", "baselines", *FEW, "--executor", "slurm", *words,
        cwd=tmp_path, env=env,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert done.stderr.count("harness: ") == 1
    assert "Traceback" not in done.stderr


def instead(folder: Path, name: str, lines: str, env: dict[str, str]) -> dict[str, str]:
    """An environment in which a command of SLURM is first what these lines of shell do."""
    own = folder / "own"
    own.mkdir(exist_ok=True)
    there = shutil.which(name, path=env["PATH"])
    (own / name).write_text(f'#!/bin/sh\n{lines}\nexec {there} "$@"\n')
    (own / name).chmod(0o755)
    return {**env, "PATH": f"{own}:{env['PATH']}"}


def test_options_without_a_value_reach_sbatch_and_a_held_job_that_is_cancelled_says_so(
    tmp_path: Path, env: dict[str, str], cluster: Cluster
) -> None:
    words = ("--plugin", SLOW, "--plugins", "slow_plugin/a", "--seeds", "0,1", *FEW)
    held = ("--executor-param", "sbatch.hold=true", "--executor-param", "partition=main,main")
    run = begin(*words, *ON, *held, cwd=tmp_path, env=env)
    until(lambda: jobs_of(tmp_path), "a job")
    array = next(iter(jobs_of(tmp_path).values())).partition("_")[0]
    assert cluster.call("squeue", "--noheader", f"--jobs={array}", "--format=%r").split() == [
        "JobHeldUser"
    ]
    cluster.call("scancel", f"{array}_1")
    cluster.call("scontrol", "release", array)
    _, err = run.communicate(timeout=400)
    assert run.returncode == 1, err
    assert "ok      slow_plugin/a, seed 0" in err
    assert f"SLURM job {array}_1 is not known to SLURM any more: it was cancelled before" in err


def test_what_a_site_adds_to_the_answers_of_squeue_is_passed_over(
    tmp_path: Path, env: dict[str, str]
) -> None:
    own = instead(tmp_path, "squeue", "echo 'note: maintenance on Monday'", env)
    words = ("run", "--plugins", "baselines/majority", *FEW, *ON)
    done = harness(*words, cwd=tmp_path, env=own)
    assert done.returncode == 0, done.stderr


def test_where_not_all_arrays_are_taken_none_is_left(
    tmp_path: Path, env: dict[str, str], cluster: Cluster
) -> None:
    second = f'[ -e {tmp_path}/one ] && echo "sbatch: error: no more jobs" >&2 && exit 1'
    own = instead(tmp_path, "sbatch", f"{second}; touch {tmp_path}/one", env)
    held = ("--executor-param", "array_size=1", "--executor-param", "sbatch.hold=true")
    done = harness("run", *LONG, *ON, *held, cwd=tmp_path, env=own)
    assert done.returncode == 2, done.stderr
    assert "SLURM takes no job: sbatch: error: no more jobs; see --executor-param" in done.stderr
    states = cluster.call("squeue", "--noheader", "--format=%o").splitlines()
    assert not [line for line in states if str(tmp_path) in line]
    assert jobs_of(tmp_path) == {}


def test_a_job_of_another_study_under_the_same_number_is_left_alone(
    tmp_path: Path, env: dict[str, str], cluster: Cluster
) -> None:
    later = ("--detach", "--executor-param", "sbatch.begin=now+600")
    words = ("run", "--plugins", "baselines/majority", *FEW, *ON)
    for name in ("one", "two"):
        done = harness(*words, *later, "--name", name, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
    one, two = (next(tmp_path.glob(f"results/{n}/cells/*/*/*/job.json")) for n in ("one", "two"))
    old, other = (json.loads(path.read_text())["job"] for path in (one, two))
    # As of a results folder that was taken to another cluster.
    one.write_text(one.read_text().replace(f'"{old}"', f'"{other}"'))
    cluster.call("scancel", old)
    done = harness(*words, "--name", "one", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "of an earlier command" not in done.stderr
    assert other in cluster.call("squeue", "--noheader", "--format=%i").split()
    cluster.call("scancel", other)


def test_without_slurm_or_submitit_the_remedy_is_named(tmp_path: Path) -> None:
    words = ("run", "--plugins", "baselines", *FEW, "--executor", "slurm")
    done = harness(*words, cwd=tmp_path, env={"PATH": "/nowhere"})
    assert done.returncode == 2
    assert "sbatch, squeue, scancel, sinfo not found on this machine" in done.stderr
    (tmp_path / "submitit-0.1.dist-info").mkdir()
    (tmp_path / "submitit-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: submitit\nVersion: 0.1\n"
    )
    done = harness(*words, cwd=tmp_path, plugins=tmp_path)
    assert done.returncode == 2
    assert "pip install 'cxr-harness[slurm]'" in done.stderr


def test_nodes_that_do_not_see_the_results_folder_end_the_run_with_one_message(
    tmp_path: Path, env: dict[str, str], cluster: Cluster
) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody hide a folder (unshare --mount)")
    cluster.kill_node("n1")
    cluster.kill_node("n2")
    for name in ("n1", "n2"):
        cluster.start_node(name, hidden=tmp_path)
    try:
        until(lambda: set(cluster.states().values()) == {"idle"}, "idle nodes")
        done = harness(
            "run", "--plugins", "baselines", *FEW, "--executor", "slurm", cwd=tmp_path, env=env
        )
    finally:
        for name in ("n1", "n2"):
            cluster.kill_node(name)
            cluster.start_node(name)
        until(lambda: set(cluster.states().values()) == {"idle"}, "idle nodes")
    assert done.returncode == 2, done.stderr
    assert "must be on a file system that all nodes see" in done.stderr
    assert done.stderr.count("harness: ") == 1


def test_a_time_limit_that_is_too_short_is_said_and_the_checkpoint_stays(
    tmp_path: Path, env: dict[str, str]
) -> None:
    slow = ("--plugin", SLOW, "--plugins", "slow_plugin/a", "--param", "seconds=3", *FEW)
    more = ("--epochs", "20", "--executor-param", "time=1")
    done = harness("run", *slow, *ON, *more, cwd=tmp_path, env=env)
    assert done.returncode == 1, done.stderr
    status, reason = statuses(tmp_path)["slow_plugin/a"]
    assert status == "timeout"
    assert "ran past its time limit (time=1); give --executor-param time=" in reason
    assert list(tmp_path.glob("results/*/cells/*/*/*/checkpoint/*"))


def test_a_second_command_is_refused_and_told_whose_the_first_is(
    tmp_path: Path, env: dict[str, str]
) -> None:
    run = begin(*LONG, *ON, cwd=tmp_path, env=env)
    until(lambda: jobs_of(tmp_path), "a job")
    second = harness("run", *LONG, "--executor", "slurm", cwd=tmp_path, env=env)
    assert second.returncode == 2
    assert f"process {run.pid}, since 20" in second.stderr
    assert run.communicate(timeout=400)[1]
    assert run.returncode == 0
