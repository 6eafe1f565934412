"""One logged run for each cell, whatever comes in between: what the three loggers share."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from harness_loggers.logged import Run
from harness_loggers.tracker import Desk


class Book:
    """A tracker in memory."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.begun = 0
        self.full = False
        """Whether writing fails."""

    def holds(self, run: Run) -> bool:
        return run.hash in self.pages and self.pages[run.hash].mark == run.digest

    def begin(self, run: Run) -> Page:
        self.begun += 1
        self.pages[run.hash] = Page(self)
        return self.pages[run.hash]


class Page:
    def __init__(self, book: Book) -> None:
        self._book = book
        self.epochs: list[tuple[int, float]] = []
        self.mark, self.abandoned = "", False

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        if self._book.full:
            raise OSError("no space left")
        self.epochs.append((number, values["loss"]))

    def end(self, run: Run) -> None:
        if self._book.full:
            raise OSError("no space left")
        self.mark = run.digest

    def abandon(self) -> None:
        self.abandoned = True


def cell(*losses: float, status: str = "running") -> Run:
    return Run(
        hash="a1",
        study="s",
        name="s/net/seed0",
        folder="net/seed0",
        parameters={},
        epochs={number: {"loss": loss} for number, loss in enumerate(losses, start=1)},
        status=status,
    )


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def desk(book: Book) -> Desk:
    return Desk(book)


def test_a_cell_is_written_while_it_runs(book: Book, desk: Desk) -> None:
    desk.begin(cell(4.0))
    desk.epoch("a1", 2, {"loss": 3.0})
    assert book.pages["a1"].epochs == [(1, 4.0), (2, 3.0)]
    desk.end(cell(4.0, 3.0, status="ok"))
    assert book.holds(cell(4.0, 3.0, status="ok"))
    assert book.begun == 1


def test_one_that_is_held_is_left_alone_and_any_other_is_written_anew(
    book: Book, desk: Desk
) -> None:
    for run in (cell(4.0, status="ok"), cell(4.0, status="ok")):
        desk.end(run)
    assert book.begun == 1
    desk.end(cell(3.0, status="ok"))
    assert (book.begun, book.pages["a1"].epochs) == (2, [(1, 3.0)])


@pytest.mark.parametrize(("loss", "begun"), [(3.0, 1), (2.5, 2)])
def test_an_epoch_that_is_repeated_with_other_values_counts_as_it_was_last(
    loss: float, begun: int, book: Book, desk: Desk
) -> None:
    desk.begin(cell(4.0, 3.0))
    desk.epoch("a1", 2, {"loss": loss})
    desk.end(cell(4.0, loss, status="ok"))
    assert book.pages["a1"].epochs == [(1, 4.0), (2, loss)]
    assert book.begun == begun


def test_what_could_not_be_written_is_written_when_the_cell_ends(book: Book, desk: Desk) -> None:
    desk.begin(cell())
    book.full = True
    with pytest.raises(OSError, match="no space left"):
        desk.epoch("a1", 1, {"loss": 4.0})
    assert book.pages["a1"].abandoned
    book.full = False
    desk.end(cell(4.0, 3.0, status="ok"))
    assert book.pages["a1"].epochs == [(1, 4.0), (2, 3.0)]


def test_what_could_not_be_written_at_the_end_is_written_when_the_run_is_repeated(
    book: Book, desk: Desk
) -> None:
    desk.begin(cell(4.0))
    book.full = True
    with pytest.raises(OSError, match="no space left"):
        desk.end(cell(4.0, status="ok"))
    assert not book.holds(cell(4.0, status="ok"))
    book.full = False
    desk.end(cell(4.0, status="ok"))
    assert book.holds(cell(4.0, status="ok"))


def test_cells_that_have_not_ended_are_closed(book: Book, desk: Desk) -> None:
    desk.begin(cell(4.0))
    desk.close()
    assert book.pages["a1"].abandoned


def test_a_run_is_the_same_in_another_process() -> None:
    run = cell(4.0, 3.0, status="ok")
    again = Run.from_json(json.loads(json.dumps(run.as_json())))
    assert (again, again.digest) == (run, run.digest)
