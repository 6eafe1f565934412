"""What stored predictions say of the rows of a screen: values, intervals and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.metrics.intervals import Interval, difference_interval, metric_interval
from harness.metrics.observations import majority, observations
from harness.metrics.one_metric import is_own, value_of
from harness.metrics.resampled import has_fast_path, on_resamples
from harness.metrics.resampling import RESAMPLES, Resampling, group_names, resample
from harness.metrics.source_shortcut import source_shortcut
from harness.report.table.aggregation import Line
from harness.report.table.numbers import mean
from harness.report.table.rows import Row
from harness.results.prediction_file import PredictionFile
from harness.results.rundir import CellDirectory
from harness.specs import MetricSpec

Draws = NDArray[np.float64]
BOUNDS: Mapping[str, tuple[float, float]] = {"label.mcc": (-1.0, 1.0)}
"""Lowest and highest value of the metrics that are not in [0, 1]."""
SHORTCUT = 0.1
"""Share of the images that their source tells more than the most frequent class, at least, where it
is said."""
Report = Callable[[int, int], None]
_Pair = tuple[tuple[float, float], tuple[Draws, Draws]]
"""Values of two rows, and their draws."""


class Evidence:
    """The prediction files of rows that may be compared: one dataset, split and protocol.

    Args:
        rows: finished ones, of one set.
        metrics: what is known of metrics; a plugin's has values but no interval.
        resamples: how often the set is drawn again.
        report: called with the files read and all there are.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        metrics: Sequence[MetricSpec],
        *,
        resamples: int = RESAMPLES,
        report: Report = lambda done, count: None,
    ) -> None:
        self._specs = {spec.full_name: spec for spec in metrics}
        self._resamples = resamples
        self._files: dict[str, PredictionFile] = {}
        every = list(rows)
        for done, row in enumerate(every):
            report(done, len(every))
            try:
                directory = CellDirectory(Path(row.directory))
                self._files[row.directory] = directory.predictions(row.part, bits=False)
            except HarnessError:
                # The row keeps its values and has no interval; the table says what is damaged.
                continue
        self._draws: dict[str, dict[str, Draws]] = {}
        self._intervals: dict[tuple[str, ...], Interval | None] = {}
        report(len(every), len(every))

    @cached_property
    def resampling(self) -> Resampling:
        """The draws that all rows share."""
        names: dict[str, str] = {}
        for file in self._files.values():
            names.update(group_names(file))
        return resample(names, self._resamples)

    def file(self, row: Row) -> PredictionFile | None:
        """What the row predicted, without masks; None where that cannot be read."""
        return self._files.get(row.directory)

    @cached_property
    def grouped(self) -> bool:
        """Whether the dataset knows which images belong together."""
        return any(file.groups is not None for file in self._files.values())

    def shortcut(self) -> str | None:
        """That the source of an image gives its class away: where classes are predicted, and it
        tells clearly more of them than the most frequent class."""
        for file in self._files.values():
            if file.probabilities is None or file.sources is None:
                continue
            found = source_shortcut(file.labels, file.sources, len(file.classes))
            if found is None or found.gain < SHORTCUT:
                return None
            return (
                f"the source alone tells {found.by_source:.0%} of the classes "
                f"(most frequent one: {found.by_majority:.0%})"
            ).replace("%", " %")
        return None

    @property
    def images(self) -> int:
        """Images of the set."""
        return len(self.resampling.group_of) if self._files else 0

    def value(self, line: Line, metric: str) -> float | None:
        """The mean over the line's folds, each the mean of its seeds; None where any has no
        value."""
        values = [row.metric(metric) for row in line]
        known = [value for value in values if value is not None]
        return mean(_means(line, known)) if len(known) == len(values) else None

    def interval(self, line: Line, metric: str) -> Interval | None:
        """Of the mean over the line's seeds and folds; None where the records do not hold what it
        takes."""
        key = (metric, *(row.directory for row in line))
        if key not in self._intervals:
            self._intervals[key] = self._interval(line, metric)
        return self._intervals[key]

    def _interval(self, line: Line, metric: str) -> Interval | None:
        values, draws = [row.metric(metric) for row in line], self._drawn(line, metric)
        known = [value for value in values if value is not None]
        if draws is None or len(known) < len(values):
            return None
        return metric_interval(
            *_by_fold(line, known, draws),
            groups=self.resampling.groups,
            rests_on=self._observations(line, metric),
            bounds=BOUNDS.get(metric, (0.0, 1.0)),
        )

    def difference(self, first: Line, second: Line, metric: str) -> Interval | None:
        """The first line's metric minus the second's, over the seeds, folds and images of both."""
        mine, theirs = ({(row.fold or 0, row.seed): row for row in x} for x in (first, second))
        both = sorted(mine.keys() & theirs.keys())
        pairs = [self._pair(mine[one], theirs[one], metric) for one in both]
        found = [pair for pair in pairs if pair is not None]
        if not found or len(found) < len(pairs):
            return None
        values, draws = zip(*found, strict=True)
        rows = [mine[one] for one in both]
        ours = _by_fold(rows, [one for one, _ in values], [one for one, _ in draws])
        others = _by_fold(rows, [other for _, other in values], [other for _, other in draws])
        return difference_interval(ours[0], others[0], ours[1], others[1])

    def chance(self, line: Line, metric: str) -> float | None:
        """The metric of one that answers the most frequent class whatever the image."""
        file, spec = self._files.get(line[0].directory), self._specs.get(metric)
        predictions = None if file is None else file.class_predictions()
        if predictions is None or spec is None or not is_own(spec) or spec.kind != "classes":
            return None
        return value_of(spec, majority(predictions), "test set")

    def _observations(self, line: Line, metric: str) -> int:
        """What the value of a line rests on: once for each set of images that it was tested on."""
        tested = {row.fold: self._files[row.directory] for row in line}
        files = {frozenset(file.ids): file for file in tested.values()}
        return sum(observations(metric, file) for file in files.values())

    def _drawn(self, line: Line, metric: str) -> list[Draws] | None:
        """The metric on the draws, for each row of the line."""
        if metric not in self._draws:
            self._draws[metric] = self._draw(metric)
        there = self._draws[metric]
        found = [there[row.directory] for row in line if row.directory in there]
        return found if len(found) == len(line) else None

    def _draw(self, metric: str) -> dict[str, Draws]:
        """Of all files at once: by directory."""
        if not self._computes(metric) or not self._files:
            return {}
        files = list(self._files.values())
        drawn = on_resamples(metric, files, self.resampling)
        pairs = zip(self._files, drawn, strict=True)
        return {name: values for name, values in pairs if values is not None}

    def _computes(self, metric: str) -> bool:
        spec = self._specs.get(metric)
        return spec is not None and is_own(spec) and has_fast_path(metric)

    def _pair(self, one: Row, other: Row, metric: str) -> _Pair | None:
        """Values and draws of two rows over the images that both were scored on."""
        first, second = (self._files.get(row.directory) for row in (one, other))
        if first is None or second is None or not self._computes(metric):
            return None
        images = [_scored(file, metric) for file in (first, second)]
        if images[0] == images[1]:
            values = (one.metric(metric), other.metric(metric))
            drawn = [self._drawn((row,), metric) for row in (one, other)]
            return _pair(values, [None if found is None else found[0] for found in drawn])
        common = images[0] & images[1]
        if not common:
            return None
        parts = [file.of_images(common) for file in (first, second)]
        # Every group once: the value over the common images.
        once = Resampling(
            group_of=self.resampling.group_of,
            weights=np.ones((1, self.resampling.groups), dtype=np.uint8),
        )
        exact = [
            None if found is None or np.isnan(found[0]) else float(found[0])
            for found in on_resamples(metric, parts, once)
        ]
        return _pair(exact, on_resamples(metric, parts, self.resampling))


def _by_fold(
    rows: Sequence[Row], values: Sequence[float], draws: Sequence[Draws]
) -> tuple[list[float], list[Draws]]:
    """Of each fold the mean over its seeds, as folds are what differs in their images; of rows of
    one split, each as it is."""
    if len({row.fold for row in rows}) == 1:
        return list(values), list(draws)
    drawn = [np.mean([draws[place] for place in there], axis=0) for there in _places(rows)]
    return _means(rows, values), drawn


def _means(rows: Sequence[Row], values: Sequence[float]) -> list[float]:
    """Of each fold the mean over its seeds."""
    return [mean([values[place] for place in there]) for there in _places(rows)]


def _places(rows: Sequence[Row]) -> list[list[int]]:
    """Of each fold where its rows are."""
    places: dict[int | None, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.fold, []).append(place)
    return list(places.values())


def _pair(values: Sequence[float | None], draws: Sequence[Draws | None]) -> _Pair | None:
    """Two values and the draws of both; None where one is missing."""
    one, other = values
    first, second = draws
    if one is None or other is None or first is None or second is None:
        return None
    return (one, other), (first, second)


def _scored(file: PredictionFile, metric: str) -> frozenset[str]:
    """The images that a metric is over."""
    if not metric.startswith("mask.") or file.has_mask is None:
        return frozenset(file.ids)
    return frozenset(file.ids[index] for index in np.flatnonzero(file.has_mask))
