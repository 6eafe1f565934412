"""What watching many cells costs the command: CPU time and file operations."""

from __future__ import annotations

import builtins
import json
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from heapq import heapify, heappop
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.many_cells import request, write_finished
from harness.cli import score
from harness.discovery.registry import Plugins
from harness.execution.contract.executor import CellFacts
from harness.execution.recording import Recording
from harness.execution.schedule import Terms, run_cells
from harness.machine import Resources
from harness.planning.plan import plan
from harness.results.checks.finished_cell import look
from harness.results.checks.reference import Table, Tables
from harness.results.record import StatusRecord
from harness.results.rundir import CellDirectory
from harness.study import Cell, Study

CELLS, SLOTS = 10_000, 1_000
SECONDS = (20.0, 100.0)
"""Of a cell: short for one of a cluster, so that events come densely."""
LINES = 3


class Silent:
    """Watches and says nothing."""

    def started(self, cell: Cell) -> None: ...
    def event(self, cell: Cell, line: Mapping[str, Any]) -> None: ...
    def finished(self, cell: Cell, status: StatusRecord) -> None: ...


class Clockwork:
    """An executor whose cells end after random times; another process writes their files."""

    poll_seconds = 0.5

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._pipe, other = multiprocessing.Pipe()
        self._writer = multiprocessing.Process(target=_write, args=(other,), daemon=True)
        self._writer.start()

    def submit(self, directory: Path, resources: Resources, facts: CellFacts) -> Ticking:
        seconds = self._random.uniform(*SECONDS)
        self._pipe.send((str(directory), seconds))
        return Ticking(time.monotonic() + seconds + 1.0)

    def close(self) -> None:
        self._pipe.send(None)
        self._writer.join()


class Ticking:
    def __init__(self, end: float) -> None:
        self._end = end

    def poll(self) -> int | None:
        return 0 if time.monotonic() > self._end else None

    def kill(self) -> None:
        """It ends by itself."""


def _write(pipe: Any) -> None:
    """Lines of histories while cells run, and their status at the end."""
    due: list[tuple[float, int, str]] = []
    while True:
        while pipe.poll(0.05 if due else None):
            message = pipe.recv()
            if message is None:
                return
            directory, seconds = message
            now = time.monotonic()
            due += [(now + seconds * (n + 1) / (LINES + 1), n, directory) for n in range(LINES + 1)]
            heapify(due)
        while due and due[0][0] <= time.monotonic():
            _, number, directory = heappop(due)
            if number == LINES:
                Path(directory, ".status").replace(Path(directory, "status.json"))
            else:
                with Path(directory, "history.jsonl").open("a") as file:
                    file.write(json.dumps({"event": "tick", "number": number}) + "\n")


@contextmanager
def counted_operations() -> Iterator[list[int]]:
    """How often this process asks the file system for a file or a folder."""
    count = [0]

    def counting(function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            count[0] += 1
            return function(*arguments, **named)

        return call

    names = ("stat", "lstat", "open", "scandir", "listdir", "replace", "unlink", "mkdir")
    with (
        patch.multiple(os, **{name: counting(getattr(os, name)) for name in names}),
        patch("io.open", counting(builtins.open)),
        patch("builtins.open", counting(open)),
    ):
        yield count


def _make_ready(study: Study, like: Mapping[str, Path]) -> None:
    """Every cell as it is before its status is there, with the results of one like it."""
    for cell in study.cells:
        shutil.copytree(like[cell.method + str(cell.record["fraction"])], cell.directory)
        CellDirectory(cell.directory).write_cell(
            {**cell.record, "created": "2026-01-01T00:00:00+00:00", "environment": {}}  # type: ignore[typeddict-item]
        )
        (cell.directory / "status.json").rename(cell.directory / ".status")
        (cell.directory / "history.jsonl").unlink()


def test_watching_ten_thousand_cells(benchmark: Any, plugins: Plugins, tmp_path: Path) -> None:
    """Ten rounds of a thousand; every finished cell is checked as after a real run."""
    asked = request(CELLS, tmp_path)
    study = plan(asked, plugins)
    few = plan(request(40, tmp_path / "few"), plugins)
    finished = write_finished(request(40, tmp_path / "few"), plugins)
    score.command.main([str(finished)], standalone_mode=False)
    like = {cell.method + str(cell.record["fraction"]): cell.directory for cell in few.cells}
    with patch("os.fsync"):
        _make_ready(study, like)
    tables = Tables()
    tables.put(
        study.directory,
        study.dataset.fingerprint,
        Table(study.samples, study.splits[0], "the study's table"),
    )
    executor = Clockwork()
    said: list[str] = []
    recording = Recording(Silent(), said.append, said.append)
    terms = Terms(damage=lambda c: "; ".join(look(CellDirectory(c.directory), tables).damage))
    slots = (Resources(device="cpu", threads=1, concurrent=True),) * SLOTS

    def watch() -> None:
        began, cpu = time.monotonic(), time.process_time()
        with counted_operations() as count:
            run_cells(study.cells, executor, slots, recording, terms)
        passed = time.monotonic() - began
        benchmark.extra_info |= {
            "cells": CELLS,
            "cpu_seconds": time.process_time() - cpu,
            "wall_seconds": passed,
            "file_operations": count[0],
            "file_operations_per_second": count[0] / passed,
        }

    benchmark.pedantic(watch, rounds=1)
    executor.close()
    assert len(recording.statuses) == CELLS
    assert {status["reason"] for status in recording.statuses.values()} == {""}
    assert recording.changed() == []
    print(json.dumps(benchmark.extra_info, indent=2))
