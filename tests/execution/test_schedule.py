"""Executors that do what they must not, and folders that vanish: a row each, and the others run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.execution import schedule
from harness.execution.contract.executor import CellFacts, Ending
from harness.execution.schedule import Terms, run_cells
from harness.machine import Resources
from harness.results.record import StatusRecord
from harness.results.rundir import CellDirectory, write_status
from harness.study import Cell
from tests.builders import make_cell

SLOT = (Resources(device="cpu", threads=1, concurrent=False),)


class Telling:
    """Remembers how cells ended and what they said."""

    def __init__(self) -> None:
        self.ended: dict[str, tuple[str, str]] = {}
        self.events: list[Mapping[str, Any]] = []

    def started(self, cell: Cell) -> None:
        """Nothing is remembered."""

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        self.events.append(line)

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        self.ended[cell.method] = (status["status"], status["reason"])


class Handle:
    """A cell that the executor misbehaves about, as its name says."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.name = directory.parents[1].name.rpartition("--")[2]

    def poll(self) -> Any:
        cell = CellDirectory(self.directory)
        if self.name == "poll":
            raise RuntimeError("lost the connection")
        if self.name == "word":
            return "done"
        if self.name in ("endless", "deaf"):
            return None
        if self.name == "vanished":
            shutil.rmtree(self.directory)
            return 1
        if self.name == "strange":
            return -200
        if self.name == "shell":
            return 137
        if self.name == "junk":
            (self.directory / "status.json").write_text("[]")
            return 0
        if self.name == "babble":
            (self.directory / "history.jsonl").write_text('{"event": "epoch"}\n')
        write_status(cell, "ok", "", seconds=1.0, concurrent=False)
        return 0

    def kill(self) -> None:
        if self.name == "endless":
            raise RuntimeError("it does not listen")


class Talking(Handle):
    """One that also says what it need not, and must not."""

    @property
    def job(self) -> Any:
        if self.name == "jobless":
            raise RuntimeError("no number yet")
        return "two\nlines" if self.name == "job" else None

    def state(self) -> Any:
        return {"is": "waiting"} if self.name == "state" else "running"

    def poll(self) -> Any:
        return None if self.name == "state" else 3

    def kill(self) -> None:
        (self.directory / "killed").touch()

    def reason(self) -> Any:
        says: dict[str, Any] = {
            "text": "because",
            "kind": Ending(kind="gone", reason="it went away"),  # type: ignore[arg-type]
            "none": Ending(reason=None),  # type: ignore[arg-type]
        }
        return says.get(self.name)


class Misbehaving:
    """An executor of such cells."""

    def submit(self, directory: Path, resources: Resources, facts: CellFacts) -> Handle:
        if directory.parents[1].name.endswith("--submit"):
            raise RuntimeError("no queue of this name")
        name = directory.parents[1].name.rpartition("--")[2]
        if name == "nothing":
            return None  # type: ignore[return-value]
        if name in ("state", "job", "jobless", "text", "kind", "none"):
            return Talking(directory)
        return Handle(directory)

    def close(self) -> None:
        """There is nothing to close."""


def run(study: Path, *names: str, **more: Any) -> Telling:
    cells = []
    for name in names:
        made = make_cell(study, f"demo/{name}", status=None)
        cells.append(
            Cell(method=f"demo/{name}", key=f"demo/{name}", directory=made.path, record=made.cell)
        )
    told = Telling()
    run_cells(cells, Misbehaving(), SLOT, told, Terms(**more))
    return told


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("submit", "the executor failed to start it: RuntimeError: no queue of this name"),
        ("poll", "the executor failed to say whether it still runs: RuntimeError: lost the conn"),
        ("word", "the executor's poll() returned 'done' instead of an exit code"),
        ("vanished", "was removed while it ran"),
        ("strange", "killed by signal 200"),
        ("shell", "killed by SIGKILL; the system may have run out of memory"),
        ("junk", "status.json: holds list [], where a record belongs"),
        ("nothing", "the executor returned None instead of a cell that runs"),
        ("state", "the executor's state() returned {'is': 'waiting'} instead of 'queued' or"),
        ("job", "the executor's job is 'two\\nlines' instead of a line of text"),
        ("jobless", "the executor failed to say which job it is: RuntimeError: no number yet"),
        ("text", "the executor's reason() returned 'because' instead of a harness.Ending"),
        ("kind", "the executor's reason() returned Ending(kind='gone', reason='it went away'"),
        ("none", "the executor's reason() returned Ending(kind='failed', reason=None"),
    ],
)
def test_a_cell_that_goes_wrong_outside_itself_is_failed_and_the_next_one_runs(
    tmp_path: Path, name: str, reason: str
) -> None:
    told = run(tmp_path, name, "good")
    assert told.ended["demo/good"] == ("ok", "")
    status, said = told.ended[f"demo/{name}"]
    assert status == "failed"
    assert reason in said
    (cell,) = [c for c in tmp_path.glob("cells/*/*/*") if f"--{name}" in str(c)]
    assert CellDirectory(cell).cell["id"] == f"demo/{name}"
    assert CellDirectory(cell).status["status"] == "failed"


@pytest.mark.parametrize("name", ["state", "job", "jobless"])
def test_a_cell_that_is_given_up_is_ended(tmp_path: Path, name: str) -> None:
    run(tmp_path, name)
    assert list(tmp_path.glob("cells/*/*/*/killed"))


def test_a_cell_that_cannot_be_ended_does_not_hold_up_the_run(tmp_path: Path) -> None:
    told = run(tmp_path, "endless", "good", timeout=0.01)
    status, said = told.ended["demo/endless"]
    assert status == "timeout"
    assert "the executor failed to end it: RuntimeError: it does not listen" in said
    assert "demo/good" in told.ended


def test_a_cell_that_the_executor_does_not_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "END_SECONDS", 0.2)
    told = run(tmp_path, "deaf", "good", timeout=0.01)
    status, said = told.ended["demo/deaf"]
    assert status == "timeout"
    assert said.endswith("; the executor has not ended it 0.2 s after it was to")
    assert "demo/good" in told.ended


def test_a_history_that_cannot_be_read_is_said_once(tmp_path: Path) -> None:
    told = run(tmp_path, "babble", "good")
    (event,) = told.events
    assert event["event"] == "unreadable"
    assert "history.jsonl, line 1: lacks epoch" in event["reason"]


def test_a_job_of_an_earlier_command_whose_history_cannot_be_read_ends_as_others(
    tmp_path: Path,
) -> None:
    made = make_cell(tmp_path, "demo/good", status=None)
    (made.path / "history.jsonl").write_text('{"event": "epoch"}\n')
    cell = Cell(method="demo/good", key="demo/good", directory=made.path, record=made.cell)
    told = Telling()
    adopted = {cell.key: Handle(made.path)}
    run_cells([cell], Misbehaving(), SLOT, told, Terms(adopted=adopted))
    assert told.ended["demo/good"] == ("ok", "")
    assert [event["event"] for event in told.events] == ["unreadable"]


def test_a_cell_with_damaged_files_is_failed_whatever_it_says(tmp_path: Path) -> None:
    told = run(tmp_path, "good", damage=lambda cell: "metrics.json: lacks test")
    assert told.ended["demo/good"] == ("failed", "metrics.json: lacks test")


class Waiting:
    """Waits for as many rounds as it is asked, and then runs for as many."""

    def __init__(self, directory: Path, waits: int, runs: int) -> None:
        self._directory, self._waits, self._runs = directory, waits, runs

    def state(self) -> str:
        self._waits -= 1
        return "queued" if self._waits > 0 else "running"

    def poll(self) -> int | None:
        if self._waits > 0:
            return None
        self._runs -= 1
        if self._runs > 0:
            return None
        write_status(CellDirectory(self._directory), "ok", "", seconds=1.0, concurrent=False)
        return 0

    def kill(self) -> None:
        """It was not to be ended."""
        raise AssertionError


@pytest.mark.parametrize(
    ("waits", "runs", "status"), [(30, 2, "ok"), (1, 30, "timeout")], ids=["waits", "runs"]
)
def test_the_time_that_a_cell_is_allowed_counts_from_its_first_sign_of_life(
    tmp_path: Path, waits: int, runs: int, status: str
) -> None:
    class Queueing(Misbehaving):
        def submit(self, directory: Path, resources: Resources, facts: CellFacts) -> Any:
            return Waiting(directory, waits, runs)

    made = make_cell(tmp_path, "demo/good", status=None)
    cell = Cell(method="demo/good", key="demo/good", directory=made.path, record=made.cell)
    told = Telling()
    # 30 rounds are 1.5 s.
    run_cells([cell], Queueing(), SLOT, told, Terms(timeout=0.5))
    assert told.ended["demo/good"][0] == status


def test_the_status_of_a_cell_elsewhere_is_awaited_when_its_process_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(Waiting):
        """Its status arrives some rounds after the news that it has ended."""

        def poll(self) -> int | None:
            return 1

        def state(self) -> str:
            return "running"

        def reason(self) -> None:
            self._runs -= 1
            if self._runs == 0:
                super().poll()

    class Far(Misbehaving):
        def submit(self, directory: Path, resources: Resources, facts: CellFacts) -> Any:
            return Late(directory, 0, 5)

    made = make_cell(tmp_path, "demo/good", status=None)
    cell = Cell(method="demo/good", key="demo/good", directory=made.path, record=made.cell)
    for patience, status in ((0.0, "failed"), (30.0, "ok")):
        monkeypatch.setattr(schedule, "AWAIT_SECONDS", patience)
        (made.path / "status.json").unlink(missing_ok=True)
        told = Telling()
        run_cells([cell], Far(), SLOT, told, Terms(elsewhere=True))
        assert told.ended["demo/good"][0] == status
