"""Leases: what machines share is held by one process at a time, and freed when that is gone."""

from __future__ import annotations

import fcntl
import os
import platform
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness import HarnessError
from harness.execution.study_folder import LEASE, locked
from harness.storage import lease as leases
from harness.storage.artefact import obtain
from harness.storage.artefact_meta import Layout, Plan
from harness.storage.lease import Holder, Lease, Watch, is_held, lease, read, try_lease


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(leases, "STALE_SECONDS", 1.0)
    monkeypatch.setattr(leases, "_POLL_SECONDS", 0.005)


@pytest.fixture(params=["impossible", "does nothing"])
def useless_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: object, how: int) -> None:
        if request.param == "impossible":
            raise OSError("No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)


def forked(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def elsewhere(path: Path, *, renewed: bool) -> Holder:
    """A lease of a process on another machine, which may still renew it."""
    taken = try_lease(path)
    assert isinstance(taken, Lease)
    other = Holder(
        token="other", user="ann", host="far-away", boot="b", pid=7, began="1", since="noon"
    )
    taken.release()
    assert leases._create(path, other)
    if renewed:
        forked(lambda: [(time.sleep(0.1), os.utime(path)) for _ in range(100)])
    return other


def test_one_process_at_a_time_holds_it_also_when_holders_are_killed(tmp_path: Path) -> None:
    path, count, inside = tmp_path / "lease", tmp_path / "count", tmp_path / "inside"
    count.write_text("0")

    def work(kill: bool) -> None:
        for round_ in range(25):
            with lease(path, lambda: None):
                os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
                count.write_text(str(int(count.read_text()) + 1))
                inside.unlink()
                if kill and round_ == 10:
                    os.kill(os.getpid(), signal.SIGKILL)

    pids = [forked(lambda kill=kill: work(kill)) for kill in (False, True, False, True)]
    ended = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert ended == [0, -9, 0, -9]
    assert count.read_text() == str(25 + 11 + 25 + 11)


def test_what_a_process_of_another_machine_leaves_is_broken_when_it_is_not_renewed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lease"
    other = elsewhere(path, renewed=False)
    assert is_held(path)
    began = time.monotonic()
    with lease(path, lambda: None):
        assert time.monotonic() - began > leases.STALE_SECONDS
        holder = read(path)
        assert holder is not None
        assert (holder.host, holder.pid) == (platform.node(), os.getpid())
    assert other != holder
    assert list(tmp_path.iterdir()) == []


def test_two_that_break_the_same_lease_do_not_both_win(tmp_path: Path) -> None:
    path = tmp_path / "lease"

    def work() -> None:
        if leases._break(path, other):
            (tmp_path / f"{os.getpid()}.won").touch()

    for _ in range(20):
        other = elsewhere(path, renewed=False)
        pids = [forked(work) for _ in range(4)]
        for pid in pids:
            os.waitpid(pid, 0)
        (winner,) = tmp_path.glob("*.won")
        winner.unlink()
        assert not path.exists()


def test_a_lease_that_was_taken_again_is_not_broken_by_who_saw_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    old = elsewhere(path, renewed=False)
    path.unlink()
    taken = try_lease(path)
    assert isinstance(taken, Lease)
    assert not leases._break(path, old)
    assert isinstance(try_lease(path), Holder)
    taken.release()


def test_a_holder_that_was_stopped_for_too_long_learns_that_it_has_lost(tmp_path: Path) -> None:
    path, told = tmp_path / "lease", tmp_path / "told"

    def work() -> None:
        with lease(path, lambda: None) as held:
            assert not held.lost
            while not held.lost:
                time.sleep(0.01)
            told.touch()

    pid = forked(work)
    while not is_held(path):
        time.sleep(0.01)
    os.kill(pid, signal.SIGSTOP)
    holder = read(path)
    assert holder is not None
    watch = Watch(path)
    while not watch.look(holder):  # As a waiter on another machine, which cannot ask for the pid.
        time.sleep(0.01)
    taken = try_lease(path)
    assert isinstance(taken, Lease)
    os.kill(pid, signal.SIGCONT)
    assert os.waitpid(pid, 0)[1] == 0
    assert told.exists()
    assert not taken.lost
    taken.release()
    assert not path.exists()


def test_without_locks_that_work_a_second_run_is_refused_and_told_whose_the_first_is(
    useless_flock: None, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    with locked(study, print):
        pid = forked(lambda: _refused(study))
        assert os.waitpid(pid, 0)[1] == 0
    with locked(study, print):
        pass


def _refused(study: Path) -> None:
    with pytest.raises(HarnessError) as told, locked(study, print):
        pass
    text = str(told.value)
    assert f"on {platform.node()}, process {os.getppid()}, since 20" in text
    assert text.endswith("; wait for it, or choose another --out or --name")


def test_a_run_on_another_machine_is_looked_at_before_the_second_is_refused(
    tmp_path: Path,
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    elsewhere(study / LEASE, renewed=True)
    said: list[str] = []
    with (
        pytest.raises(HarnessError, match="in use by ann on far-away, process 7, since noon"),
        locked(study, said.append),
    ):
        pass
    assert said == [
        f"note: {study} was in use by ann on far-away, process 7, since noon; looking whether it "
        "still is"
    ]


def test_a_run_on_another_machine_that_is_gone_is_taken_over_with_a_note(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    elsewhere(study / LEASE, renewed=False)
    said: list[str] = []
    with locked(study, said.append):
        assert len(said) == 2
        assert "has not been heard of for" in said[1]


def test_without_locks_that_work_an_artefact_is_made_once(
    useless_flock: None, tmp_path: Path
) -> None:
    plan = Plan(directory=tmp_path / "key", files={"a.npy": Layout((1,))}, title="numbers")

    def make(folder: Path) -> None:
        time.sleep(0.3)
        np.save(folder / "a.npy", np.zeros(1, np.uint8))
        (tmp_path / f"made by {os.getpid()}").touch()

    pids = [forked(lambda: obtain(plan, make, lambda: None)) for _ in range(4)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    assert len(list(tmp_path.glob("made by *"))) == 1
