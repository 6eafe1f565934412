"""A run before it starts: its cells, what is missing, and what they will take.

Runs nothing and writes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from harness.data.dataset import Samples
from harness.data.store.prepared import plan_store
from harness.errors import HarnessError
from harness.machine import Resources, cpu_name, cuda_driver
from harness.planning.forecasts.estimates import Estimate, Machine, estimate, finished_cells
from harness.planning.forecasts.rerun_reason import Difference, nearest_differences
from harness.results.checks.finished_cell import DAMAGED, settled
from harness.results.checks.reference import Tables
from harness.results.rundir import CellDirectory
from harness.storage.artefact_meta import is_whole
from harness.storage.disk import free_bytes
from harness.study import Cell, Study, interpolations

WAITING = ("to run", "resumes", "to run again")
"""States of cells that a run would start."""

UNKNOWN = Estimate()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellForecast:
    """A cell, its progress, and what the rest of it will take."""

    cell: Cell
    state: str
    """``finished``, ``damaged``, one of :data:`WAITING`, or the status of a cell that cannot run
    here."""
    detail: str = ""
    """Why it cannot run, or what it was before."""
    epochs_done: int = 0
    estimate: Estimate = UNKNOWN
    differences: tuple[Difference, ...] = ()
    """Of a cell to run: in what it differs from the nearest finished one of the same method,
    dataset, seed and training fraction; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreForecast:
    """Prepared images that the run will open."""

    size: int
    """Pixels per side."""
    interpolation: str
    directory: Path
    here: bool
    nbytes: int
    """What it takes on disk, without the 200 bytes per file that describe it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A study before it runs."""

    cells: tuple[CellForecast, ...]
    stores: tuple[StoreForecast, ...]
    slots: int
    """Cells at a time."""
    prediction_bytes: int
    """Upper bound of the prediction files; they are compressed."""
    checkpoint_bytes: int | None
    """Of the weights that stay, as far as they are known; None where none is."""
    free_bytes: Mapping[str, int]
    """Folder -> bytes that are free where it is, or will be."""

    @property
    def waiting(self) -> tuple[CellForecast, ...]:
        return tuple(cell for cell in self.cells if cell.state in WAITING)

    @property
    def seconds(self) -> float | None:
        """Wall time of the cells whose time is known, spread over the slots; None where none is."""
        known = [s for cell in self.waiting if (s := cell.estimate.seconds) is not None]
        return max(sum(known) / self.slots, max(known)) if known else None

    @property
    def untimed(self) -> int:
        """Cells to run whose time is unknown."""
        return sum(cell.estimate.seconds is None for cell in self.waiting)

    def obstacles(self) -> dict[tuple[str, str], list[CellForecast]]:
        """(status, reason) -> the cells that cannot run here for it."""
        found: dict[tuple[str, str], list[CellForecast]] = {}
        for cell in self.cells:
            if cell.cell.blocked is not None and cell.state not in ("finished", *WAITING):
                found.setdefault(cell.cell.blocked, []).append(cell)
        return found


def forecast(
    study: Study,
    *,
    out: Path,
    image_sizes: Sequence[int],
    slots: Sequence[Resources],
    cache: Path,
    keep_checkpoints: str = "best",
    rerun: bool = False,
) -> Forecast:
    """Look at every cell of a study.

    Args:
        study: what was planned.
        out: the results folder whose finished cells timings are taken from.
        image_sizes: of the protocols, pixels per side.
        slots: what may run at the same time.
        cache: where prepared images are.
        keep_checkpoints: as the run will have it.
        rerun: whether finished cells are run again.
    """
    machine, tables = machine_of(slots[0]), Tables()
    past = {
        cell.directory.parents[1].name: finished_cells(out, cell.directory.parents[1].name)
        for cell in study.cells
    }

    def look(cell: Cell) -> CellForecast:
        state, detail, done = _state(cell, rerun, tables)
        if state not in WAITING:
            return CellForecast(cell=cell, state=state, detail=detail)
        told = estimate(
            cell.record,
            past[cell.directory.parents[1].name],
            machine,
            concurrent=slots[0].concurrent,
            epochs_done=done,
        )
        return CellForecast(
            cell=cell,
            state=state,
            detail=detail,
            epochs_done=done,
            estimate=told,
            differences=nearest_differences(
                cell.record, (one.record for one in past[cell.directory.parents[1].name])
            )
            if state == "to run"
            else (),
        )

    cells = tuple(map(look, study.cells))
    waiting = [cell for cell in cells if cell.state in WAITING]
    sizes = [c.estimate.checkpoint_bytes for c in waiting]
    known = [size for size in sizes if size is not None]
    return Forecast(
        cells=cells,
        stores=_stores(study, waiting, image_sizes, cache),
        slots=len(slots),
        prediction_bytes=sum(_prediction_bytes(c.cell, study.samples) for c in waiting),
        checkpoint_bytes=0 if keep_checkpoints == "none" else sum(known) if known else None,
        free_bytes={str(folder): free_bytes(folder) for folder in (out, cache)},
    )


def machine_of(resources: Resources) -> Machine:
    gpu = None
    if resources.device.startswith("cuda"):
        index = int(resources.device.partition(":")[2] or 0)
        devices = cuda_driver().devices
        gpu = devices[index].name if index < len(devices) else "unknown"
    return Machine(cpu=cpu_name(), gpu=gpu, threads=resources.threads)


def _state(cell: Cell, rerun: bool, tables: Tables) -> tuple[str, str, int]:
    """State, detail, and epochs that need not be repeated."""
    directory = CellDirectory(cell.directory)
    there = (cell.directory / "cell.json").exists()
    found = settled(directory, tables)
    if found is not None and (rerun or found.lost):
        return "to run again", "was damaged" if found.damage else "was ok", 0
    if found is not None:
        return (DAMAGED, "; ".join(found.damage), 0) if found.damage else ("finished", "", 0)
    if cell.blocked is not None:
        return (*cell.blocked, 0)
    if not there:
        return "to run", "", 0
    status, history = directory.status, []
    with contextlib.suppress(HarnessError):  # Its run starts a new one.
        history = directory.history
    epochs = [line["epoch"] for line in history if line["event"] == "epoch"]
    kept = (cell.directory / "checkpoint" / "last.pt").exists()
    done = epochs[-1] if epochs and kept else 0
    if status is not None:
        return "to run again", f"was {status['status']}", done
    return "resumes", f"after {done} of {cell.record['protocol']['epochs']} epochs", done


def _stores(
    study: Study, waiting: Iterable[CellForecast], image_sizes: Sequence[int], cache: Path
) -> tuple[StoreForecast, ...]:
    """Those that the run makes before its cells, and those that earlier cells used."""
    asked = set(product(image_sizes, interpolations([c.cell for c in waiting])))
    for item in waiting:
        if item.estimate.input_size is not None:
            (own,) = interpolations([item.cell])
            asked.add((item.estimate.input_size, own))
    found = []
    for size, interpolation in sorted(asked):
        plan = plan_store(study.dataset, size=size, interpolation=interpolation, cache=cache)
        found.append(
            StoreForecast(
                size=size,
                interpolation=interpolation,
                directory=plan.directory,
                here=is_whole(plan),
                nbytes=plan.nbytes,
            )
        )
    return tuple(found)


def _prediction_bytes(cell: Cell, samples: Samples) -> int:
    """Of all sets, before compression."""
    kinds = {target["kind"] for target in cell.record["task"].get("targets", ())}
    texts = [t for t in (samples.ids, samples.groups, samples.sources) if t is not None]
    # NumPy keeps text at the width of the longest, four bytes a character.
    each = 8 + sum(4 * max(map(len, text), default=0) for text in texts)
    if "classes" in kinds:
        each += 4 * len(samples.classes)
    if "binary-mask" in kinds:
        sums = 3 * 8
        each += 1 + sums + ((samples.mask_size or 0) ** 2 + 7) // 8
    parts = cell.record["data"]
    images: int = sum(parts[name]["images"] for name in parts if name != "train")
    return each * images
