"""What the process that cells are forked from imports, and says where a cell cannot even begin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cell import EPOCH_METRICS
from harness.execution.workers.server import _run


def said(directory: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """What a cell in that folder prints on the terminal; its exit code is 1."""
    pid = os.fork()
    if pid == 0:
        _run(
            {"directory": str(directory), "device": "cpu", "threads": 1, "concurrent": False,
             "asked": 0.0, "data_root": None}
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


def served(module: str, *, path: Path | None = None) -> list[dict[str, object]]:
    """What the process says until it is ready; ``path`` is searched for libraries first."""
    inherited = os.environ.get("PYTHONPATH", "")
    server = subprocess.run(
        [sys.executable, "-P", "-m", "harness.execution.workers.server", str(os.getpid()), module],
        env={**os.environ, "PYTHONPATH": f"{path}:{inherited}" if path else inherited},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in server.stdout.splitlines()]


@pytest.mark.parametrize(
    ("module", "loaded"),
    [("harness_baselines.majority", False), ("harness_supervised.models", True)],
)
def test_metrics_of_epochs_are_imported_for_methods_that_train_by_epochs_alone(
    module: str, loaded: bool
) -> None:
    events = served(module)
    assert events[-1] == {"event": "ready"}
    assert (EPOCH_METRICS in [event.get("module") for event in events]) == loaded


def test_a_library_that_cannot_be_imported_leaves_the_cells_that_do_without_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "torchmetrics").mkdir()
    broken = 'raise ImportError("needs another version of transformers")'
    (tmp_path / "torchmetrics" / "__init__.py").write_text(broken)
    events = served("harness_supervised.models", path=tmp_path)
    assert {"event": "warming", "module": EPOCH_METRICS} in events
    assert events[-1] == {"event": "ready"}


def test_a_cell_is_importable_without_what_only_epochs_need() -> None:
    code = "import harness.cell.run, sys; sys.exit('torchmetrics' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code]).returncode == 0
