"""A file system without file locks, and a user without a home folder: what works without them
works, and says so."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from harness import HarnessError
from harness.runtime.home import expanded
from harness.storage.cache import cache_directory
from harness.storage.lock import machine_lock
from harness.upkeep.check_machine import places
from harness.weights.locate import hub_cache, torch_cache
from tests.builders import make_cell
from tests.cli_tools import ROOT, TINY, harness, inside

RUN = ("run", "--plugins", "baselines/pixels", *TINY, "--set", "probe_seconds=0.1")


def every_process(folder: Path, code: str) -> dict[str, str]:
    """Variables under which every Python process runs the code first."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(dedent(code))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), str(ROOT / "plugins")])}


NO_LOCKS = """
import errno, fcntl

def flock(descriptor, how):
    raise OSError(errno.ENOLCK, "No locks available")

fcntl.flock = flock
"""
NO_HOME = """
import os, pwd

os.environ.pop("HOME", None)
for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
    os.environ.pop(name, None)

def getpwuid(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")

pwd.getpwuid = getpwuid
"""


@pytest.fixture
def lockless(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: object, how: int) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def getpwuid(number: int) -> None:
        raise KeyError(number)

    for name in ("HOME", "XDG_CACHE_HOME", "CXR_HARNESS_CACHE", "TORCH_HOME", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", getpwuid)


def test_a_run_without_file_locks_works_and_says_what_it_lacks(
    tmp_path: Path,
) -> None:
    cache = str(tmp_path / "cache")
    env = {**every_process(tmp_path / "site", NO_LOCKS), "CXR_HARNESS_CACHE": cache}
    done = harness(*RUN, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    notes = [line for line in done.stderr.splitlines() if "without file locks" in line]
    folders = [note.removeprefix("note: ").partition(" is on ")[0] for note in notes]
    assert folders == ["/tmp"]  # Only probes are of one machine and need one; all else has leases.
    assert "Traceback" not in done.stderr


def test_clean_without_locks_says_that_it_cannot_tell_what_is_in_use(
    lockless: None, tmp_path: Path
) -> None:
    cell = make_cell(tmp_path / "results" / "study", "demo/a", status=None)
    (tmp_path / "results" / "study" / ".lock").write_text("1")
    done = inside("clean", "--unfinished", "results", cwd=tmp_path)
    assert "results/study is on a file system without file locks" in done.stderr
    assert "make sure that no run is active" in done.stderr
    done = inside("clean", "--unfinished", "results", "--yes", cwd=tmp_path)
    assert done.returncode == 0
    assert not cell.path.exists()


def test_probes_without_locks_take_no_turns(lockless: None) -> None:
    with machine_lock("test-of-locks"), machine_lock("test-of-locks"):
        pass


def test_a_lock_file_of_another_user_that_can_only_be_read_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "cxr-harness-other.lock").write_text("")
    real = Path.open

    def refusing(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if set(mode) & set("wa+x"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", refusing)
    with machine_lock("other"):
        pass


def test_doctor_notes_a_folder_without_locks(lockless: None, tmp_path: Path) -> None:
    found = {finding.name: finding for finding in places(tmp_path)}
    assert {found[name].state for name in ("cache", "locks")} == {"note"}
    assert "no file locks" in found["cache"].remedy


@pytest.mark.parametrize(
    "arguments",
    [("run", "--plugins", "baselines"), ("plan", "--plugins", "baselines"), ("clean",),
     ("weights", "list")],
)  # fmt: skip
def test_without_a_home_folder_the_message_names_the_variable(
    arguments: tuple[str, ...], homeless: None, tmp_path: Path
) -> None:
    done = inside(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("harness: this user has no home folder")
    assert "set CXR_HARNESS_CACHE to a folder that can be written" in done.stderr
    assert done.stderr.count("\n") == 1


def test_doctor_without_a_home_folder_says_what_to_set(homeless: None, tmp_path: Path) -> None:
    done = inside("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "set CXR_HARNESS_CACHE to a folder" in done.stdout
    assert inside("plugins", cwd=tmp_path).returncode == 0


def test_a_cache_folder_is_enough_where_there_is_no_home_folder(
    homeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(tmp_path))
    assert cache_directory() == tmp_path
    assert torch_cache() == tmp_path / "torch" / "hub" / "checkpoints"
    assert hub_cache() == tmp_path / "huggingface" / "hub"


def test_a_run_without_a_home_folder_works_in_the_cache_that_is_named_and_says_so(
    tmp_path: Path,
) -> None:
    cache = tmp_path / "cache"
    env = {**every_process(tmp_path / "site", NO_HOME), "CXR_HARNESS_CACHE": str(cache)}
    done = harness(*RUN, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"libraries keep their files in {cache}" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "results", "site"}


def test_a_tilde_of_nobody_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('\ndata_root = "~nobody-of-this-name/films"\n')
    done = inside("plan", "study.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "study.toml, line 2" in done.stderr
    assert "there is no home folder ~nobody-of-this-name" in done.stderr
    with pytest.raises(HarnessError, match="TORCH_HOME ~nobody-of-this-name"):
        expanded("~nobody-of-this-name", "TORCH_HOME")
