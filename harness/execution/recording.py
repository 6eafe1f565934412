"""What comes of the cells of a run, on its way to those who watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.execution.contract.observer import Observer
from harness.execution.finished_files import Changed, FinishedFiles
from harness.results.record import StatusRecord
from harness.results.rundir import CellDirectory, write_status
from harness.study import Cell
from harness.values.plain_text import on_screen
from harness.values.wording import counted


class Recording:
    """Keeps every final status on its way to the observer, and says what a cell has done beyond its
    own folder."""

    def __init__(
        self, observer: Observer, say: Callable[[str], None], warn: Callable[[str], None]
    ) -> None:
        self.statuses: dict[str, StatusRecord] = {}
        self._observer = observer
        self._say = say
        self._warn = warn
        self._files = FinishedFiles()

    def started(self, cell: Cell) -> None:
        self._files.started(cell)
        self._observer.started(cell)

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        self._observer.event(cell, line)
        if line["event"] == "left_running":
            what = counted(len(line["processes"]), "process")
            self._say(
                f"note: {cell.method} left {what} running when it ended, now killed: "
                f"{on_screen(', '.join(line['processes']))}"
            )

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        self.statuses[cell.key] = status
        self._files.finished(cell)
        self._observer.finished(cell, status)

    def changed(self) -> list[Cell]:
        """Finished cells whose files another has changed; where it is certain which, that one has
        failed."""
        found = self._files.changed()
        for each in found:
            who = ", ".join(cell.key for cell in each.suspects) or "no cell of this run"
            self._warn(
                f"files of {each.cell.key} were changed after it had finished "
                f"({', '.join(each.files)}), while {who} ran; it runs again"
            )
            if len(each.suspects) == 1:
                self._blame(each.suspects[0], each)
        return [each.cell for each in found]

    def _blame(self, suspect: Cell, victim: Changed) -> None:
        before = self.statuses[suspect.key]
        self.statuses[suspect.key] = write_status(
            CellDirectory(suspect.directory),
            "failed",
            f"changed files of another cell: {victim.cell.key} ({', '.join(victim.files)})",
            seconds=before["seconds"],
            concurrent=before["concurrent"],
        )
