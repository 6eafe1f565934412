"""Pictures of segmentations: of each method a poor, a usual and its best prediction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Dataset
from harness.errors import HarnessError
from harness.metrics.segmentation import overlap
from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.private import without_paths
from harness.report.page.blocks.sources import Films, Source
from harness.report.page.chapters.outline import film, short_outline
from harness.report.screen.contest import Contest
from harness.report.table.rows import Row
from harness.results.browse.decimals import decimals
from harness.results.packed_masks import unpack_masks
from harness.results.prediction_file import PredictionFile
from harness.storage.names import on_one_line

METHODS = 12
"""Methods with pictures, the best first."""
RANKS: Mapping[str, float] = {"5th percentile": 0.05, "median": 0.5, "best": 1.0}
"""Which of a method's images are shown, by their place in the order of Dice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A film with the outlines of both masks; lengths in pixels of the masks' grid."""

    film: str
    """Id of the film on the page; empty where films are not shown."""
    grid: int
    reference: str
    """Path of an SVG."""
    predicted: str
    rank: str
    image: str
    """Id of the image; empty where films are not shown."""
    dice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The pictures of a method."""

    method: str
    pictures: Sequence[Picture]


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    films: Mapping[str, str]
    """Id -> address."""
    strips: Sequence[Strip]


def pictures(source: Source, films: Films) -> Chapter:
    blocks = [
        _block(source, contest, films)
        for contest in source.setting.contests
        if any(metric == "mask.dice" for row in contest.section.rows for metric in _masks(row))
    ]
    return Chapter(id=source.id("pictures"), title="Segmentations", blocks=blocks)


def _masks(row: Row) -> Iterable[str]:
    return (f"mask.{name}" for name in row.mask)


def _block(source: Source, contest: Contest, films: Films) -> Block:
    title = f"{contest.task}: predicted and reference masks"
    row = contest.lines[0][0]
    try:
        dataset = films.open(source.record(row)["dataset"])
    except HarnessError as error:
        why = without_paths(str(error))
        return Block(title=title, text=[f"No pictures: the dataset cannot be opened ({why})."])
    drawer = _Drawer(
        dataset, shown=films.shown(row.dataset), prefix=source.id("film", contest.task)
    )
    notes: list[str] = []
    strips = []
    for line in contest.lines[:METHODS]:
        name = source.name(line)
        try:
            file = source.cell(line[0]).predictions(line[0].part)
            strips.append(Strip(method=name, pictures=drawer.strip(file)))
        except HarnessError as error:
            notes.append(f"No pictures of {name}: {without_paths(str(error))}.")
    if len(contest.lines) > METHODS:
        notes.append(f"The best {METHODS} of {len(contest.lines)} methods.")
    if drawer.coarser:
        notes.append("Outlines of ragged masks are drawn on a coarser grid.")
    if not drawer.shown:
        notes.append(
            "The films are left out so that the page can be shared; harness report --html "
            "--pictures puts them in."
        )
    found = [(strip.method, picture) for strip in strips for picture in strip.pictures]
    records: list[Record] = [
        {"method": method, "which": one.rank, "image": one.image, "dice": float(one.dice)}
        for method, one in found
    ]
    return Block(
        kind="pictures",
        id=source.id("pictures", contest.task),
        title=title,
        text=[
            "Of each method's first run, by Dice: the image at the 5th percentile, the median and "
            "the best."
        ],
        drawing=Album(films=drawer.films, strips=strips),
        table=Table(
            columns=[
                Shown("method", [method for method, _ in found], left=True),
                Shown("which", [one.rank for _, one in found], left=True),
                Shown("image", [one.image for _, one in found], left=True),
                Shown("Dice", [one.dice for _, one in found]),
            ]
        ),
        folded=True,
        records=records,
        notes=notes,
    )


class _Drawer:
    """Draws predictions on the films of a dataset, each film once."""

    def __init__(self, dataset: Dataset, *, shown: bool, prefix: str) -> None:
        self._dataset, self._prefix, self.shown = dataset, prefix, shown
        self._row = {image: index for index, image in enumerate(dataset.samples.ids)}
        self.films: dict[str, str] = {}
        self.coarser = False
        """Whether any outline is drawn on a coarser grid."""

    def strip(self, file: PredictionFile) -> list[Picture]:
        """The pictures of a file.

        Raises:
            HarnessError: the file lacks what it takes, or an image cannot be read.
        """
        bits, grid, has_mask = file.mask_bits, file.mask_grid, file.has_mask
        if bits is None or grid is None or has_mask is None or file.mask_counts is None:
            raise HarnessError("its prediction file is of a version that has no counts of pixels")
        scored = np.flatnonzero(has_mask)
        if not len(scored):
            raise HarnessError("no image of the set has a reference mask")
        both, predicted, reference = file.mask_counts[scored].T
        dice = overlap(2 * both, predicted + reference)
        order = np.argsort(dice, kind="stable")
        found = []
        for rank, share in RANKS.items():
            place = order[round(share * (len(order) - 1))]
            index = int(scored[place])
            mask = unpack_masks(bits[index : index + 1], grid)[0]
            found.append(self._picture(file.ids[index], mask, rank, float(dice[place])))
        return found

    def _picture(self, image: str, mask: NDArray[np.bool_], rank: str, dice: float) -> Picture:
        row = self._row.get(image)
        if row is None:
            raise HarnessError("an image of the set is not in the dataset now")
        try:
            shown = self._film(row) if self.shown else ""
            reference = self._outline(self._dataset.mask(row))
        except HarnessError:
            raise
        except Exception as error:  # A dataset's own code may raise anything.
            said = f"{type(error).__name__} while an image was read"
            raise HarnessError(said) from error
        return Picture(
            film=shown,
            grid=len(mask),
            reference=reference,
            predicted=self._outline(mask),
            rank=rank,
            image=on_one_line(image) if self.shown else "",
            dice=decimals(dice),
        )

    def _outline(self, mask: NDArray[np.bool_]) -> str:
        path, coarser = short_outline(mask)
        self.coarser |= coarser
        return path

    def _film(self, row: int) -> str:
        name = f"{self._prefix}-{row}"
        if name not in self.films:
            self.films[name] = film(self._dataset.image(row))
        return name
