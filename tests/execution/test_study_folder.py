"""The folder of a study: whose it is, whatever moment a run has ended at."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from harness import HarnessError
from harness.discovery.registry import discover
from harness.execution import study_folder as folder
from harness.execution.study_folder import locked, write_study
from harness.planning.plan import plan
from harness.protocol import QUICK
from harness.study import Request, Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    request = Request(methods=("baselines",), protocol=QUICK, out=tmp_path)
    return plan(request, discover())


@pytest.mark.parametrize("step", ["write_samples", "write_split", "write_bytes"])
def test_a_run_that_ends_while_it_writes_the_study_may_be_repeated(
    study: Study, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(folder, step, full)
        with locked(study.directory, print), pytest.raises(OSError, match="No space left"):
            write_study(study, ("run",), lambda before, path: "", [])
    with locked(study.directory, print):
        write_study(study, ("run",), lambda before, path: "", [])
    assert {path.name for path in study.directory.iterdir()} == {
        ".lock", "data", "splits", "study.json", "study.toml",
    }  # fmt: skip


def test_what_a_killed_run_had_half_written_is_no_stranger(study: Study) -> None:
    study.directory.mkdir(parents=True)
    (study.directory / ".study.json.123").write_text("{")
    with locked(study.directory, print):
        write_study(study, ("run",), lambda before, path: "", [])


def test_a_folder_of_something_else_is_left_alone(study: Study) -> None:
    study.directory.mkdir(parents=True)
    (study.directory / "thesis.tex").write_text("")
    told = pytest.raises(HarnessError, match=r"not a study folder \(thesis\.tex\)")
    with told, locked(study.directory, print):
        raise AssertionError("it must not be worked in")
    assert [path.name for path in study.directory.iterdir()] == ["thesis.tex"]
