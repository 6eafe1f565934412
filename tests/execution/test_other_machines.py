"""The contract of executors whose cells run elsewhere, kept by the one in the documentation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_tools import ROOT, environment, harness
from tests.cluster.tracked import (
    FEW,
    LONG,
    begin,
    epochs_of,
    histories,
    jobs_of,
    predictions,
    resumed,
    statuses,
    until,
)
from tests.markdown import named_files

PAGE = ROOT / "docs" / "writing-a-plugin.md"
ON = ("--plugin", "my_spool.py", "--executor", "spool")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    """The folder that two workers watch."""
    code = named_files(PAGE)["my_spool.py"]
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) < 60
    (tmp_path / "my_spool.py").write_text(code)
    folder = tmp_path / "spool"
    folder.mkdir()
    workers = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("spool.py"), folder, "2"], env=environment()
    )
    yield folder
    folder.rename(tmp_path / "away")
    workers.wait(timeout=120)


def buckets(folder: Path) -> list[dict[str, float]]:
    found = folder.glob("results/*/cells/*/*/*/timing.json")
    return [json.loads(path.read_text())["buckets"] for path in found]


def test_cells_come_to_the_same_and_neither_cores_nor_driver_of_this_machine_are_asked(
    tmp_path: Path, spool: Path
) -> None:
    words = ("run", "--plugins", "baselines", *FEW)
    there = harness(*words, *ON, "--jobs", "64", cwd=tmp_path)
    assert there.returncode == 0, there.stderr
    found = predictions(tmp_path)
    here = harness(*words, "--rerun", cwd=tmp_path)
    assert here.returncode == 0, here.stderr
    assert predictions(tmp_path) == found
    plan = harness("plan", "--plugins", "baselines", *FEW, *ON, "--threads", "64", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr


def test_what_a_cell_waits_is_nobodys_time(tmp_path: Path, spool: Path) -> None:
    done = harness("run", *LONG, "--seeds", "0,1", *ON, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    waited = sorted(one["queued"] for one in buckets(tmp_path))
    assert len(waited) == 4
    assert waited[-1] > 1  # Two workers have four cells.
    for path in tmp_path.glob("results/*/cells/*/*/*/status.json"):
        own = json.loads(path.with_name("timing.json").read_text())["buckets"]
        seconds = sum(value for name, value in own.items() if name != "queued")
        assert json.loads(path.read_text())["seconds"] == pytest.approx(seconds, abs=1)


def test_a_cell_is_ended_when_its_time_is_over(tmp_path: Path, spool: Path) -> None:
    words = ("run", *LONG, "--param", "seconds=3", *ON, "--timeout", "8")
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert set(statuses(tmp_path).values()) == {("timeout", "ran past --timeout 8 s")}
    until(lambda: not list(spool.glob("*/running")), "no cell that runs")


def test_a_killed_command_is_followed_by_one_that_adopts(tmp_path: Path, spool: Path) -> None:
    run = begin(*LONG, *ON, cwd=tmp_path, env={})
    until(lambda: any(epochs_of(tmp_path).values()), "an epoch")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    before = jobs_of(tmp_path)
    told = harness("status", "results", "--json", cwd=tmp_path)
    assert "executor 'spool' cannot be asked about its jobs" in told.stderr  # It is not installed.
    again = harness("run", *LONG, *ON, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "2 cells of an earlier command still queued or running" in again.stderr
    assert jobs_of(tmp_path) == before
    assert all(epochs == [1, 2, 3, 4, 5, 6] for epochs in epochs_of(tmp_path).values())
    assert resumed(tmp_path) == set()


def test_a_lost_cell_is_submitted_again_as_often_as_is_allowed(tmp_path: Path, spool: Path) -> None:
    words = ("run", *LONG, "--exclude", "slow_plugin/b", *ON, "--retries", "1")
    run = begin(*words[1:], cwd=tmp_path, env={})
    for attempt in (1, 2):
        until(
            lambda attempt=attempt: (
                len(list(spool.glob("*/running"))) == 1
                and len(list(spool.glob("*"))) == attempt
                and any(len(one) >= attempt for one in epochs_of(tmp_path).values())
            ),
            f"an epoch of attempt {attempt}",
        )
        (running,) = spool.glob("*/running")
        running.with_name("lose").touch()
        until(lambda running=running: not running.exists(), "its end")
    _, err = run.communicate(timeout=400)
    assert run.returncode == 1, err
    assert statuses(tmp_path)["slow_plugin/a"] == (
        "failed",
        "its worker was lost; submitted 2 times",
    )
    assert resumed(tmp_path)
    (lines,) = histories(tmp_path).values()
    assert [line["attempt"] for line in lines if line["event"] == "submitted_again"] == [2]
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = harness("report", "results", cwd=tmp_path).stdout
    assert "submitted 2 times, as its machine was lost; the last time: its worker" in table


def test_one_process_at_a_time_runs_a_cell_and_a_second_finds_it_done(
    tmp_path: Path, spool: Path
) -> None:
    run = begin(*LONG, "--exclude", "slow_plugin/b", *ON, cwd=tmp_path, env={})
    until(lambda: any(epochs_of(tmp_path).values()), "an epoch")
    (cell,) = tmp_path.glob("results/*/cells/*/*/*")
    second = harness("run-cell", cell, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert f"waiting: {cell} is in use by " in second.stdout
    run.communicate(timeout=400)
    assert epochs_of(tmp_path) == {"slow_plugin--a": [1, 2, 3, 4, 5, 6]}


def test_a_worker_with_other_libraries_or_data_refuses(tmp_path: Path, spool: Path) -> None:
    words = ("run", "--plugins", "baselines/pixels", *FEW, *ON)
    # A cell that waits until the code that it was planned with is another.
    for number in range(2):
        (spool / f"0-{number}").mkdir()
        (spool / f"0-{number}" / "words").write_text(json.dumps(["sleep", "4"]))
    run = begin(*words[1:], cwd=tmp_path, env={})
    until(lambda: jobs_of(tmp_path), "a job")
    (cell,) = tmp_path.glob("results/*/cells/*/*/*")
    record = json.loads((cell / "cell.json").read_text())
    record["provenance"]["libraries"]["numpy"] = "1.0"
    (cell / "cell.json").write_text(json.dumps(record))
    _, err = run.communicate(timeout=400)
    assert run.returncode == 1, err
    status, reason = statuses(tmp_path)["baselines/pixels"]
    assert status == "load_failed"
    assert "has other code than this cell was planned with: numpy 2" in reason
    assert "instead of 1.0; give all machines the same environment" in reason


def test_a_cell_runs_on_the_kind_of_device_by_which_it_is_named(tmp_path: Path) -> None:
    done = harness("run", "--plugins", "baselines/majority", *FEW, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (cell,) = tmp_path.glob("results/*/cells/*/*/*")
    (cell / "status.json").unlink()
    assert harness("run-cell", cell, "--device", "cuda", cwd=tmp_path).returncode == 1
    _, reason = statuses(tmp_path)["baselines/majority"]
    assert "planned for device cpu, and to run on cuda:0" in reason
    (cell / "status.json").unlink()
    assert harness("run-cell", cell, cwd=tmp_path).returncode == 0
    # As one that was planned for a GPU: it must not run on a CPU unasked.
    record = json.loads((cell / "cell.json").read_text())
    (cell / "cell.json").write_text(json.dumps({**record, "device": "cuda"}))
    (cell / "status.json").unlink()
    assert harness("run-cell", cell, "--device", "cpu", cwd=tmp_path).returncode == 1
    assert statuses(tmp_path)["baselines/majority"][0] == "failed"


def test_a_folder_without_a_cell_is_bad_input(tmp_path: Path) -> None:
    done = harness("run-cell", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "holds no cell.json as" in done.stderr


def test_executor_parameters_are_checked_before_anything_runs(tmp_path: Path, spool: Path) -> None:
    for words, says in (
        (("--executor-param", "folder"), "write NAME=VALUE"),
        (("--executor-param", "floder=x"), "no parameter 'floder' (did you mean 'folder'?)"),
        (("--executor-param", "folder=[1]"), "which is text and not a list"),
        (("--retries", "-1"), "--retries"),
    ):
        done = harness("run", "--plugins", "baselines", *FEW, *ON, *words, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert says in done.stderr
    assert not (tmp_path / "results").exists()
    done = harness("run", "--plugins", "baselines", *FEW, "--detach", cwd=tmp_path)
    assert done.returncode == 2
    assert "cells of executor 'process' end with this command" in done.stderr


def test_a_study_file_names_the_executor_and_its_parameters_and_a_run_leaves_them(
    tmp_path: Path, spool: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "study.toml").write_text(
        'plugins = "baselines/majority"\nplugin = "my_spool.py"\n'
        '[executor]\nname = "spool"\nfolder = "spool"\n'
        "[set]\nepochs = 1\ntrain_images = 32\ntest_images = 16\n"
    )
    done = harness("run", "study.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(spool.iterdir())) == 1
    (left,) = tmp_path.glob("results/*/study.toml")
    assert '[executor]\nname = "spool"\nfolder = "spool"' in left.read_text()
    # Another executor on the command line has none of its parameters.
    here = harness("run", "study.toml", "--executor", "process", "--rerun", cwd=tmp_path)
    assert here.returncode == 0, here.stderr
    assert len(list(spool.iterdir())) == 1
    bad = (tmp_path / "study.toml").read_text().replace("folder =", "floder =")
    (tmp_path / "study.toml").write_text(bad)
    done = harness("plan", "study.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "study.toml, line 5 (executor_param.floder)" in done.stderr


def test_the_data_may_lie_elsewhere_on_the_worker_and_the_fingerprint_decides(
    tmp_path: Path, spool: Path
) -> None:
    from tests.docs.test_documents import make_folders

    make_folders(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    make_folders(tmp_path / "here")
    words = ("run", "--plugins", "baselines/pixels", "--dataset", "folder", *FEW, *ON)
    words = (*words, "--data-root", "here=there")
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (words_file,) = spool.glob("*/words")
    there = tmp_path / "there"
    assert json.loads(words_file.read_text())[-2:] == ["--data-root", str(there)]
    # Another image under the same name, at a size that is not prepared yet.
    first, last = sorted(there.rglob("*.png"))[:: len(list(there.rglob("*.png"))) - 1]
    last.write_bytes(first.read_bytes())
    done = harness(*words, "--image-size", "48", cwd=tmp_path)
    assert done.returncode == 1
    assert "the dataset has changed since this study was planned" in done.stderr


def liar(folder: Path, factory: str, slots: str = 'device="cpu", threads=1') -> tuple[str, ...]:
    """A plugin with an executor that breaks the contract, and the words of a run on it."""
    (folder / "my_liar.py").write_text(
        f"""
import subprocess
from pathlib import Path
import harness

HARNESS_API = 1


@harness.hookimpl
def harness_executors():
    yield harness.ExecutorSpec(
        name="liar", factory="my_liar:Liar", slots="my_liar:slots", summary="Never knows"
    )


def slots(asked):
    return harness.Slots({slots})


class Keeping:
    def __init__(self, settings):
        pass

    def submit(self, directory, resources, facts):
        words = harness.cell_command(directory, resources, facts)
        process = subprocess.Popen(words, start_new_session=True)
        process.job = "7"
        return process

    def close(self):
        Path("closed").touch()

    def leave(self):
        Path("left").touch()


{factory}
"""
    )
    few = ("--plugins", "baselines/majority", *FEW)
    return ("run", *few, "--plugin", "my_liar.py", "--executor", "liar")


@pytest.mark.parametrize(
    ("factory", "slots", "says"),
    [
        ("Liar = lambda settings: None", "", "returned None, which has no submit and no close"),
        ("class Liar(Keeping): poll_seconds = 'fast'", "", "poll_seconds is 'fast' instead of"),
        ("class Liar(Keeping): poll_seconds = -1", "", "poll_seconds is -1 instead of seconds"),
        ("class Liar(Keeping): poll_seconds = float('nan')", "", "poll_seconds is nan instead of"),
        ("Liar = Keeping", 'device="cpu", threads="2"', "must answer with harness.Slots"),
        ("Liar = Keeping", 'device="cpu", threads=1, count=0', "must answer with harness.Slots"),
        ("Liar = Keeping", 'device="cpu", threads=1, count="3"', "must answer with harness.Slots"),
    ],
)
def test_an_executor_that_breaks_the_contract_is_one_message_before_anything_runs(
    factory: str, slots: str, says: str, tmp_path: Path
) -> None:
    done = harness(*liar(tmp_path, factory, *([slots] if slots else [])), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert done.stderr.count("harness: ") == 1
    assert "Traceback" not in done.stderr
    assert statuses(tmp_path) == {}
    assert (tmp_path / "closed").exists() == ("poll_seconds" in factory)


@pytest.mark.parametrize(
    ("adopt", "says"),
    [
        ("raise ValueError('what?')", "executor 'liar' failed to find job '7': ValueError: what?"),
        ("return True", "adopt() returned True for job '7' instead of None or a cell"),
    ],
)
def test_what_is_not_known_of_a_job_ends_the_run_and_leaves_it_alone(
    adopt: str, says: str, tmp_path: Path
) -> None:
    # Its job begins no cell: one that has ended by the second run is kept without a question.
    words = liar(
        tmp_path,
        f"""
class Liar(Keeping):
    def submit(self, directory, resources, facts):
        process = subprocess.Popen(["sleep", "60"])
        process.job = "7"
        return process

    def adopt(self, directory, job):
        {adopt}
""",
    )
    run = begin(*words[1:], cwd=tmp_path, env={})
    until(lambda: jobs_of(tmp_path), "a job")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "left").exists()
    assert not (tmp_path / "closed").exists()


def test_what_has_ended_since_the_command_began_is_kept(tmp_path: Path) -> None:
    """The job ends between the look at its cell and the question whether it still runs."""
    words = liar(
        tmp_path,
        """
class Liar(Keeping):
    def submit(self, directory, resources, facts):
        Path("words").write_text("\\n".join(harness.cell_command(directory, resources, facts)))
        process = subprocess.Popen(["sleep", "60"])
        process.job = "7"
        return process

    def adopt(self, directory, job):
        subprocess.run(Path("words").read_text().split("\\n"), check=True)
""",
    )
    run = begin(*words[1:], cwd=tmp_path, env={})
    until(lambda: jobs_of(tmp_path), "a job")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    before = (tmp_path / "words").stat().st_mtime_ns
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ok      baselines/majority" in done.stderr
    assert (tmp_path / "words").stat().st_mtime_ns == before


def test_a_job_that_has_left_its_status_is_not_waited_for_again(tmp_path: Path) -> None:
    """Its queue has not noticed its end yet when a failed cell is to run again."""
    adopting = "class Liar(Keeping):\n    def adopt(self, directory, job):\n        return Ending()"
    ending = (
        "class Ending:\n    def poll(self):\n        pass\n\n    def kill(self):\n        pass\n\n"
    )
    words = liar(tmp_path, ending + adopting)
    assert harness(*words, cwd=tmp_path).returncode == 0
    (path,) = tmp_path.glob("results/*/cells/*/*/*/status.json")
    path.write_text(path.read_text().replace('"ok"', '"failed"'))
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert statuses(tmp_path) == {"baselines/majority": ("ok", "")}
    assert "of an earlier command" not in done.stderr


def test_a_status_ends_a_cell_whatever_the_executor_says(tmp_path: Path) -> None:
    """One whose process does not end, and that the executor calls running for ever."""
    (tmp_path / "my_liar.py").write_text(
        """
import subprocess
import harness

HARNESS_API = 1


@harness.hookimpl
def harness_executors():
    yield harness.ExecutorSpec(name="liar", factory="my_liar:Liar", summary="Never knows")


class Liar:
    def __init__(self, settings):
        pass

    def submit(self, directory, resources, facts):
        process = subprocess.Popen(harness.cell_command(directory, resources, facts))
        process.poll = lambda: None
        return process

    def close(self):
        pass
"""
    )
    done = harness(
        "run", "--plugins", "baselines/majority", *FEW, "--plugin", "my_liar.py", "--executor",
        "liar", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert statuses(tmp_path) == {"baselines/majority": ("ok", "")}
