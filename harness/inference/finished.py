"""Whether a finished cell may be used as a model, asked before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from harness import provenance
from harness.errors import HarnessError
from harness.results.browse.network_title import title
from harness.results.record import CellRecord
from harness.results.rundir import CellDirectory
from harness.results.shape import check_shape
from harness.runtime.resolve import make_importable

PREDICTIONS = "predictions.csv"
MASKS = "masks"
EXPORTED = ("model.safetensors", "model.onnx", "card.json", "card.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A cell that is ok, and whose method is still the one that was trained."""

    directory: CellDirectory
    record: CellRecord
    warnings: tuple[str, ...] = ()
    """What a user must know before the model is used."""

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.record["dataset"]["classes"])

    @property
    def writes(self) -> tuple[str, ...]:
        """Names in a folder of predictions."""
        masks = any(target["kind"] == "binary-mask" for target in self.record["task"]["targets"])
        return (PREDICTIONS, MASKS) if masks else (PREDICTIONS,)


def finished(directory: CellDirectory, *, force: bool = False) -> Finished:
    """The cell, ready to be used.

    Args:
        force: makes a warning of code that has changed.

    Raises:
        HarnessError: the cell is not ok, was only timed, or the code or files of its method have
            changed since.
    """
    record, status = directory.cell, directory.status
    name = f"{title(record)} {directory.path.name}"
    if status is None or status["status"] != "ok":
        state = "unfinished" if status is None else f"{status['status']} ({status['reason']})"
        raise HarnessError(f"{name} is {state}; only an ok cell has a model")
    if record["protocol"].get("time_only"):
        raise HarnessError(f"{name} was only timed (--time-only), not trained")
    warnings = []
    make_importable(record.get("import_from", ()))
    if changed := _changed(directory.path / "cell.json", record["provenance"]):
        said = f"{name}: {changed} since it was trained"
        if not force:
            raise HarnessError(
                f"{said}; train it again, or use --force if the change does not matter"
            )
        warnings.append(f"{said}; what it predicts may differ from what was measured")
    code = provenance.harness_code()
    if {name: record["provenance"].get(name) for name in code} != code:
        warnings.append(f"{name} was trained by another version of the harness's code")
    return Finished(directory=directory, record=record, warnings=tuple(warnings))


def finished_seeds(directories: Sequence[CellDirectory], *, force: bool = False) -> list[Finished]:
    """The cells of several seeds that are ok, ready to be averaged; the first warns of the others.

    Args:
        force: as of :func:`finished`.

    Raises:
        HarnessError: fewer than two are ok; otherwise as :func:`finished`.
    """
    ok = [one for one in directories if one.status and one.status["status"] == "ok"]
    seeds = ", ".join(str(one.cell["seed"]) for one in ok) or "none"
    if len(ok) < 2:
        record = directories[0].cell
        raise HarnessError(
            f"{record['id']}: an average needs two or more ok seeds, not {len(ok)} "
            f"(seeds: {seeds}); train more with --seeds, or leave out --average"
        )
    cells = [finished(one, force=force) for one in ok]
    if len(ok) < len(directories):
        others = ", ".join(str(one.cell["seed"]) for one in directories if one not in ok)
        warning = f"the average is of seeds {seeds}; not ok and left out: {others}"
        cells[0] = replace(cells[0], warnings=(*cells[0].warnings, warning))
    return cells


def trained_as(cells: Sequence[Finished]) -> str:
    """What predicts: the method as it was built, its data and preset, and the cell.

    ``predicted by x/net (small), run on phantom with preset quick (cell 3b28d1b4)``
    """
    record = cells[0].record
    hashes = ", ".join(cell.directory.path.name.rpartition("-")[2][:8] for cell in cells)
    which = "cell" if len(cells) == 1 else "cells"
    run = f"run on {record['dataset']['name']} with preset {record['protocol']['name']}"
    return f"predicted by {title(record)}, {run} ({which} {hashes})"


class _MadeBy(TypedDict):
    factory: str
    source: NotRequired[str]
    version: NotRequired[str]
    distribution: str
    files: dict[str, str]


def _changed(path: Path, made_by: dict[str, Any]) -> str | None:
    """What has changed in the method's own code, or None; ``path`` is of the record."""
    factory = made_by.get("factory")
    if factory is None:
        return "cell.json does not say what code made it, so it may have changed"
    check_shape(path, made_by, _MadeBy, ("provenance",))
    if (source := made_by.get("source")) is not None and provenance.code_digest(factory) != source:
        was, now = made_by.get("version"), provenance.version(made_by["distribution"])
        versions = "" if was == now or not was else f", version {was} then and {now} now"
        return f"the code of {made_by['distribution']} has changed ({factory}{versions})"
    for name, digest in made_by["files"].items():
        if provenance.file_digest(name) != digest:
            return f"the file {name} has changed"
    return None
