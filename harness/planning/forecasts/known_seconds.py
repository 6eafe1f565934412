"""What the cells of a run took before, for the time that is left while it runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.machine import Resources
from harness.planning.forecasts.estimates import estimate, finished_cells
from harness.planning.forecasts.forecast import machine_of
from harness.study import Cell


def known_seconds(cells: Iterable[Cell], out: Path, slot: Resources) -> dict[str, float]:
    """Key of a cell -> seconds that it will take; without the cells of which nothing is known.

    Args:
        cells: of the run.
        out: the results folder whose finished cells are looked at.
        slot: what a cell will run on.
    """
    machine, past = machine_of(slot), {}
    known: dict[str, float] = {}
    for cell in cells:
        folder = cell.directory.parents[1].name
        if folder not in past:
            past[folder] = finished_cells(out, folder)
        found = estimate(cell.record, past[folder], machine, concurrent=slot.concurrent)
        if found.seconds is not None:
            known[cell.key] = found.seconds
    return known
