"""What the process that cells are forked from says where a cell cannot even begin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.execution.server import _run


def said(directory: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """What a cell in that folder prints on the terminal; its exit code is 1."""
    pid = os.fork()
    if pid == 0:
        _run(
            {"directory": str(directory), "device": "cpu", "threads": 1, "concurrent": False,
             "asked": 0.0}
        )  # fmt: skip
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    printed = capfd.readouterr()
    return printed.out + printed.err


def test_a_cell_whose_folder_was_removed_prints_nothing_for_its_row_says_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert said(tmp_path / "removed", capfd) == ""


def test_a_log_that_cannot_be_written_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.txt").mkdir()
    text = said(tmp_path, capfd)
    assert text == f"harness: {tmp_path}/log.txt: cannot be written (Is a directory)\n"
