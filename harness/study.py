"""A study as records: what a user asks for, its cells, and what each may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.protocol import Protocol

if TYPE_CHECKING:
    from harness.data.dataset import Dataset, Samples
    from harness.data.splits.make import Split
    from harness.data.store.prepared import Interpolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks for."""

    methods: tuple[str, ...] = ("all",)
    exclude: tuple[str, ...] = ()
    dataset: str | None = None
    data_root: Path | None = None
    data_params: tuple[str, ...] = ()
    """Changes to the dataset's parameters, as
    :func:`harness.planning.params.with_data_params` reads them."""
    skip_bad: bool = False
    """Whether to go on without files that have errors."""
    protocol: Protocol
    weights: str | None = None
    """``pretrained``, ``random``, a folder, or None for the protocol's."""
    device: str = "cpu"
    """Resolved: ``cpu``, ``cuda`` or ``cuda:N``."""
    precision: str = "auto"
    threads: int | None = None
    """Per cell; None: one on a CPU, and a share of the cores on a GPU."""
    params: tuple[str, ...] = ()
    """Changes to methods' parameters, as :func:`harness.planning.params.parse` reads them."""
    seeds: tuple[int, ...] = (0,)
    fractions: tuple[float, ...] = (1.0,)
    split: Literal["standard", "study"] = "standard"
    split_file: Path | None = None
    out: Path = Path("results")
    name: str | None = None
    """Of the study's folder; as :func:`harness.planning.study_name.default_name` has it unless
    given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a cell may use."""

    device: str
    """``"cpu"`` or ``"cuda:N"``."""
    threads: int
    concurrent: bool
    """Whether another cell may run beside it on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One method, dataset, protocol, seed and train fraction."""

    method: str
    """The method's full id."""
    key: str
    """``<method>/seed0-frac100-<hash12>``, which no other cell of a study has."""
    directory: Path
    record: Mapping[str, Any]
    """What ``cell.json`` holds, or will hold; see ``docs/results-schema.md``."""
    blocked: tuple[str, str] | None = None
    """(status, reason) of a cell that cannot run here."""
    missing_weights: bool = False
    """Blocked for want of files that a network might still bring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A request, resolved."""

    directory: Path
    cells: tuple[Cell, ...]
    dataset: Dataset
    samples: Samples
    split: Split
    notes: tuple[str, ...]
    dropped: Mapping[str, tuple[Cell, ...]] = field(default_factory=dict)
    """Plugin -> the cells that its ``harness_select_cells`` has left out."""


def interpolations(cells: Iterable[Cell]) -> list[Interpolation]:
    """Those that the cells' weights were trained with: what most cells will ask of the store. Made
    here, an unreadable image is one message; a cell that wants something else makes it itself."""
    cards = [cell.record["method"]["weights"] for cell in cells]
    return sorted({"bilinear" if card is None else card["interpolation"] for card in cards})
