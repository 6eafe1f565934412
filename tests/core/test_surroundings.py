"""What other people's code changes of the process is put back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from harness.runtime.surroundings import undisturbed


def test_environment_directory_umask_and_handlers_are_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARD", "B2")
    before = (Path.cwd(), signal.getsignal(signal.SIGTERM), os.umask(0o022))
    with pytest.raises(ValueError, match="oops"), undisturbed():
        os.environ["WARD"] = "C3"
        os.environ["NEW"] = "1"
        os.chdir(tmp_path)
        os.umask(0o777)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise ValueError("oops")
    after = (Path.cwd(), signal.getsignal(signal.SIGTERM), os.umask(before[2]))
    assert after == (before[0], before[1], 0o022)
    assert os.environ["WARD"] == "B2"
    assert "NEW" not in os.environ
