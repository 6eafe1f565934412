"""The methods of one task that a screen compares, each in all its seeds and folds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from harness.report.table.aggregation import Line, lines, question, repeated
from harness.report.table.column import changes_of
from harness.report.table.numbers import mean
from harness.report.table.rows import Row
from harness.report.table.sections import Section, sections
from harness.report.table.view import EVERYTHING
from harness.results.browse.network_title import SMALL
from harness.storage.names import on_one_line
from harness.values.wording import setting_text


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Finished and scored methods of one task, the best first. Of a sweep, each with the settings
    that were best on its validation images: chosen by the test set, they would flatter it."""

    section: Section
    lines: tuple[Line, ...]
    fraction: float
    """Of the training images that the lines were trained on: the largest of several."""
    settings: Mapping[str, int]
    """Swept fields that were chosen so -> how many values each had."""
    small: bool
    """Whether networks in it are small ones, which the line in capitals says once for all."""

    @property
    def task(self) -> str:
        return self.section.first.task

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the lines are ranked by, as ``target.metric``."""
        return self.lines[0][0].primary_metrics

    @property
    def seeds(self) -> int:
        """The most that a line has."""
        return max(len({row.seed for row in line}) for line in self.lines)

    @property
    def folds(self) -> int:
        """Those that lines are averaged over; 1 where there is one split."""
        return max(len({row.fold for row in line}) for line in self.lines)

    @property
    def masks(self) -> int | None:
        """Reference masks of the set, of all folds together; None where a record does not tell."""
        used = {row.fold: row.images.get(row.part) for row in self.section.rows}
        counts = [one["masks"] for one in used.values() if one is not None]
        return sum(counts) if len(counts) == len(used) else None

    def lacking(self, line: Line) -> list[int]:
        """Folds that other lines have and this one has not."""
        every = {row.fold for other in self.lines for row in other if row.fold is not None}
        return sorted(every - {row.fold for row in line})

    @property
    def over(self) -> str:
        """What a line is the mean over: ``seeds``, ``folds``, or ``folds and seeds``."""
        return repeated(row for line in self.lines for row in line)

    def name(self, line: Line) -> str:
        """What the screen calls a line."""
        row = line[0]
        words = [row.method]
        if row.small and not self.small:
            words.append(SMALL)
        if changes := changes_of(row):
            words.append(f"[{changes}]")
        if settings := [f"{f} {setting_text(row.settings[f])}" for f in self.settings]:
            words.append(f"[{', '.join(settings)}]")
        alike = {other[0].weights for other in self.lines if other[0].method == row.method}
        if len(alike) > 1:
            words.append(f"[{row.weights} weights]")
        return on_one_line(" ".join(words))

    def fitting(self, line: Line, width: int) -> str:
        """What the screen calls a line in so many columns: of a sweep, where it must, without the
        plugin and the names of the fields."""
        if not self.settings:
            return self.name(line)
        values = ", ".join(setting_text(line[0].settings[field]) for field in self.settings)
        tail = line[0].method.partition("/")[2]
        names = (self.name(line), self.short(line), f"{tail} [{values}]")
        return next((name for name in names if cell_len(name) <= width), names[-1])

    def short(self, line: Line) -> str:
        """The same in a sentence, without the plugin where no other line has that name."""
        name = self.name(line)
        tail = name.partition("/")[2]
        others = [self.name(other).partition("/")[2] for other in self.lines]
        return tail if others.count(tail) == 1 else name


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What may stand next to each other: one dataset, split, protocol and kind of device."""

    contests: tuple[Contest, ...]
    """Those with the most lines first."""

    @property
    def first(self) -> Row:
        return self.contests[0].lines[0][0]

    @property
    def rows(self) -> list[Row]:
        """All rows that the screen shows."""
        return [row for contest in self.contests for line in contest.lines for row in line]


def settings(rows: Iterable[Row], part: str = "test") -> list[Setting]:
    """Of finished rows of a set, the setting with the most methods first."""
    scored = [row for row in rows if row.status == "ok" and row.part == part]
    found: dict[tuple[str, int], list[Contest]] = {}
    tables: Counter[tuple[str, str]] = Counter()
    largest = sorted(
        sections(row for row in scored if row.primary_metrics), key=lambda one: -len(one.rows)
    )
    for section in largest:
        key = _key(section.first)
        # Sets with other classes, as of some folds, have macro averages over other ones.
        number = tables[key, section.first.task]
        tables[key, section.first.task] += 1
        found.setdefault((key, number), []).append(_contest(section))
    every = [
        Setting(contests=tuple(sorted(contests, key=lambda one: (-len(one.lines), one.task))))
        for contests in found.values()
    ]
    return sorted(every, key=lambda one: -sum(len(contest.lines) for contest in one.contests))


def _contest(section: Section) -> Contest:
    fraction = max(row.fraction for row in section.rows)
    rows = tuple(row for row in section.rows if row.fraction == fraction)
    part = replace(section, rows=rows)
    networks = [row for row in rows if row.timing.get("parameters_total") is not None]
    return Contest(
        section=section,
        lines=_chosen_by_val(lines(part, replace(EVERYTHING, aggregate="folds"), {})),
        fraction=fraction,
        settings={
            field: len({row.protocol[field] for row in rows}) for field in part.varying_settings
        },
        small=any(row.small for row in networks),
    )


def _chosen_by_val(found: Sequence[Line]) -> tuple[Line, ...]:
    """Of lines that differ in swept settings alone, the one with the best mean on the validation
    images, over the folds and seeds that all of them have; all lines where there is none."""
    groups: dict[str, list[Line]] = {}
    for line in found:
        groups.setdefault(question(replace(line[0], sweep=()), "folds"), []).append(line)
    kept = [line for group in groups.values() for line in _best_by_val(group)]
    return tuple(line for line in found if line in kept)


def _best_by_val(group: Sequence[Line]) -> Sequence[Line]:
    # Of equals the same one, however they do on the test set.
    group = sorted(group, key=lambda line: json.dumps(line[0].settings, sort_keys=True))
    known = [
        {(row.fold, row.seed): row.primary_val for row in line if row.primary_val is not None}
        for line in group
    ]
    # A fold that one of them lacks may be an easy one.
    common = [repetition for repetition in known[0] if all(repetition in one for one in known)]
    if len(group) == 1 or not common:
        return group
    means = [mean([one[repetition] for repetition in common]) for one in known]
    best = max(means) if group[0][0].primary_higher_is_better else min(means)
    return [group[means.index(best)]]


def _key(row: Row) -> str:
    facts = [
        *(row.dataset, row.fingerprint, row.split, row.device, row.precision),
        row.machine if row.protocol.get("time_only") else None,
        {name: value for name, value in row.protocol.items() if name not in row.sweep},
    ]
    return json.dumps(facts, sort_keys=True)


def ended_otherwise(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows without a result by status, the most frequent status first."""
    others = [row for row in rows if row.status != "ok"]
    order = Counter(row.status for row in others)
    return {
        status: [row for row in others if row.status == status] for status, _ in order.most_common()
    }


def methods_of(rows: Sequence[Row]) -> list[str]:
    """Ids, each once, in the order of the rows."""
    return list(dict.fromkeys(row.method for row in rows))
