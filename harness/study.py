"""A study as records: what a user asks for, and its cells with what they have left on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import HarnessError
from harness.protocol import Protocol
from harness.results.checks.finished_cell import UNFINISHED, Found, look, outcome
from harness.results.checks.reference import Tables
from harness.results.record import MetricsRecord, TimingRecord
from harness.results.rundir import CellDirectory
from harness.results.set_predictions import SetPredictions

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
    """Whether to continue without files that have errors."""
    protocol: Protocol
    """Of a sweep, the first."""
    sweep: tuple[Protocol, ...] = ()
    """All protocols of a sweep, each of which has its cells; empty without one."""
    swept: tuple[str, ...] = ()
    """Fields that they differ in."""
    weights: str | None = None
    """``pretrained``, ``random``, a folder or file, or None for the protocol's."""
    device: str = "cpu"
    """``cpu``, ``cuda`` or ``cuda:N``; before an executor has been asked also ``auto``."""
    precision: str = "auto"
    threads: int | None = None
    """Per cell; None: one on a CPU, and a share of the cores on a GPU."""
    params: tuple[str, ...] = ()
    """Changes to methods' parameters, as :func:`harness.planning.params.parse` reads them."""
    seeds: tuple[int, ...] = (0,)
    fractions: tuple[float, ...] = (1.0,)
    split: Literal["standard", "study"] = "standard"
    split_file: Path | None = None
    folds: int | None = None
    """Number of splits of a cross-validation, in place of one split."""
    out: Path = Path("results")
    name: str | None = None
    """Of the study's folder; as :func:`harness.planning.study_name.default_name` has it unless
    given."""

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The one protocol, or those of the sweep."""
        return self.sweep or (self.protocol,)

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Of all protocols, pixels per side, each once."""
        return tuple(dict.fromkeys(protocol.image_size for protocol in self.protocols))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One method, dataset, protocol, seed and train fraction; planned, running or finished.

    What a cell has left on disk is read whenever it is asked for, so a running cell can be watched.
    """

    method: str
    """The method's full id."""
    key: str
    """``<method>/seed0-frac100-<hash12>``, which no other cell of a study has."""
    directory: Path
    record: Mapping[str, Any]
    """What ``cell.json`` holds or will hold; see ``docs/results-schema.md``. Empty for a cell whose
    ``cell.json`` is damaged."""
    blocked: tuple[str, str] | None = None
    """(status, reason) of a cell that cannot run here."""
    missing_weights: bool = False
    """Blocked by missing files that could still be downloaded."""

    @property
    def status(self) -> str:
        """``ok``, ``failed``, ``oom``, ``timeout``, ``skipped``, ``load_failed`` or
        ``not_installed``; ``unfinished`` before its end; ``damaged`` where a file of the cell
        cannot be trusted."""
        return self._outcome()[0]

    @property
    def reason(self) -> str:
        """Why the status is not ``ok``, in a sentence; empty where it is."""
        return self._outcome()[1]

    @property
    def metrics(self) -> MetricsRecord | None:
        """Set -> its metrics, as ``metrics.json`` holds them: ``metrics["test"]["label"]`` and
        ``["mask"]`` are metric name -> value. None unless the status is ``ok``."""
        found = self._look()
        return found.metrics if found.finished else None

    @property
    def timing(self) -> TimingRecord | None:
        """What the cell cost, as ``timing.json`` holds it. None unless the status is ``ok``."""
        found = self._look()
        return found.timing if found.finished else None

    def history(self) -> list[dict[str, Any]]:
        """One record per epoch so far, oldest first: ``epoch`` (from 1), ``stage``, ``loss``,
        ``train_seconds``, ``val`` (metric name -> value) and what else the method reports.

        Raises:
            HarnessError: ``history.jsonl`` is damaged; names the line.
        """
        lines = CellDirectory(self.directory).history
        return [line for line in lines if line["event"] == "epoch"]

    def predictions(self, part: str = "test") -> SetPredictions:
        """What the cell predicted on a set: ``test``, ``val``, or a further test set of the split.

        Raises:
            HarnessError: there are no predictions of the set, and which there are; or their file is
                damaged.
        """
        directory = CellDirectory(self.directory)
        if part not in (sets := directory.sets):
            there = ", ".join(sets) or f"none (the cell is {self.status})"
            raise HarnessError(f"{self.key} has no predictions of the set {part!r}; sets: {there}")
        return SetPredictions(directory.predictions(part))

    def _look(self) -> Found:
        return look(CellDirectory(self.directory), Tables())

    def _outcome(self) -> tuple[str, str]:
        return outcome(self._look()) if self.directory.exists() else (UNFINISHED, "has not begun")

    def __repr__(self) -> str:
        return f"Cell({self.key!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A request, resolved."""

    directory: Path
    cells: tuple[Cell, ...]
    dataset: Dataset
    samples: Samples
    splits: tuple[Split, ...]
    """One, or those of a cross-validation."""
    notes: tuple[str, ...]
    dropped: Mapping[str, tuple[Cell, ...]] = field(default_factory=dict)
    """Plugin -> the cells that its ``harness_select_cells`` has left out."""


def interpolations(cells: Iterable[Cell]) -> list[Interpolation]:
    """Those that the cells' weights were trained with: what most cells will ask of the store. Made
    here, an unreadable image is one message; a cell that wants something else makes it itself."""
    cards = [cell.record["method"]["weights"] for cell in cells]
    return sorted({"bilinear" if card is None else card["interpolation"] for card in cards})
