"""Rows that may stand in one table: the same task, data, split, protocol, device and classes.

Scores do not depend on the machine, so its model is no such thing; timings do, and are told apart.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from harness.protocol import PRESETS
from harness.report.table.column import marked_name_of, name_of
from harness.report.table.rows import Row
from harness.storage.names import on_one_line
from harness.values.wording import counted, setting_text

DIGITS = 8
"""Of a digest, where people read it."""
_NAMED = 4
"""Values of a swept field that a heading names."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One table. ``rows`` are sorted: the best first, what has no result last."""

    rows: tuple[Row, ...]
    split: str = ""
    """What tells its split from those of other sections that are like it in all else."""
    data: tuple[str, ...] = ()
    """What tells its dataset from those of other sections with the same heading."""

    @property
    def first(self) -> Row:
        """The row that speaks for all, where they agree."""
        return self.rows[0]

    @property
    def classes_absent(self) -> tuple[str, ...]:
        """Classes of the dataset that do not occur in a scored set."""
        row = self.first
        if row.classes_present is None:
            return ()
        return tuple(name for name in row.classes if name not in row.classes_present)

    @property
    def machine(self) -> str | None:
        """That all rows ran on; None where it is unknown, or they are several."""
        return self.machines[0] if len(self.machines) == 1 else None

    @cached_property
    def machines(self) -> tuple[str, ...]:
        """Models that rows with a result ran on, sorted: a row's letter is its place."""
        return tuple(sorted({row.machine for row in self.rows if row.machine is not None}))

    def heading(self) -> str:
        """E.g. ``classification · phantom · test · quick · cpu fp32``, and the classes where the
        macro averages leave some out."""
        row = self.first
        words = [row.task, row.dataset, row.part, self.protocol()]
        words.append(f"{row.device} {row.precision}".rstrip())
        if row.folds is not None:
            words.append(self.told_folds)
        if facts := self.averaged_over():
            words.append(facts)
        return " · ".join([*words, *self.apart])

    def protocol(self) -> str:
        """In words; of a sweep with the values of its fields."""
        row = self.first
        said = described_protocol(row.protocol, but=row.sweep)
        swept = [f"{field} {self._values(field)}" for field in row.sweep]
        if not swept:
            return said
        return f"{said}{', ' if ' with ' in said else ' with '}{', '.join(swept)}"

    def _values(self, field: str) -> str:
        """``0.0001 or 0.001``, and of more than a few the ends."""
        values: list[Any] = list(dict.fromkeys(row.protocol.get(field) for row in self.rows))
        if all(isinstance(value, int | float) for value in values):
            values.sort()
        texts = list(map(setting_text, values))
        if len(texts) > _NAMED:
            return f"{texts[0]} to {texts[-1]} ({len(texts)} values)"
        return " or ".join(texts)

    @property
    def apart(self) -> tuple[str, ...]:
        """What tells its split and its dataset from those of sections that are like it in all
        else: ``split 0a1b2c3d``."""
        return (*([f"split {self.split}"] if self.split else []), *self.data)

    @cached_property
    def told_folds(self) -> str:
        """``3 folds``; where only some have a result here, as others lack a class or failed, which:
        ``fold 3 of 3``. Empty where there is one split."""
        count = self.first.folds
        if count is None:
            return ""
        there = sorted({row.fold for row in self.rows if row.status == "ok" and row.fold})
        if not there or len(there) == count:
            return counted(count, "fold")
        plural = "fold" if len(there) == 1 else "folds"
        return f"{plural} {', '.join(map(str, there))} of {count}"

    def averaged_over(self) -> str | None:
        """Which classes macro averages are over; None where that is all, or there are none."""
        row = self.first
        if not row.label or not self.classes_absent:
            return None
        present = len(row.classes) - len(self.classes_absent)
        return (
            f"macro over {present} of {counted(len(row.classes), 'class')} "
            f"(no {', '.join(map(on_one_line, self.classes_absent))})"
        )

    def varies(self, what: Literal["seed", "fold", "fraction"]) -> bool:
        """Whether the rows differ in it."""
        return what in self._varying

    @cached_property
    def _varying(self) -> frozenset[str]:
        """Asked once for every row, so it is found once for all."""
        return frozenset(
            what
            for what in ("seed", "fold", "fraction")
            if len({getattr(r, what) for r in self.rows}) > 1
        )

    @cached_property
    def varying_settings(self) -> tuple[str, ...]:
        """Swept fields in which the rows differ."""
        return tuple(
            field
            for field in self.first.sweep
            if len({row.protocol.get(field) for row in self.rows}) > 1
        )

    def name_of(self, row: Row) -> str:
        """The method, and what else tells this row from the others of the section."""
        return self._with_axes(name_of(row), row)

    def marked_name_of(self, row: Row) -> str:
        """The same as a table shows it."""
        return self._with_axes(marked_name_of(row), row)

    def _with_axes(self, name: str, row: Row) -> str:
        words = [name]
        if self.varies("seed"):
            words.append(f"seed {row.seed}")
        if self.varies("fold"):
            words.append(f"fold {row.fold}")
        words += [f"{f} {setting_text(row.settings[f])}" for f in self.varying_settings]
        if self.varies("fraction"):
            words.append(f"{100 * row.fraction:g} %")
        if row.on and _axes(row) in self._on_several:
            words.append(f"on {row.on}")
        return " ".join(words)

    @cached_property
    def _on_several(self) -> frozenset[tuple[object, ...]]:
        """What only the machine tells apart."""
        return frozenset(axes for axes, n in Counter(map(_axes, self.rows)).items() if n > 1)


def described_protocol(protocol: Mapping[str, Any], but: Collection[str] = ()) -> str:
    """The preset's name, and what was changed in it, ``but`` in these fields: ``quick with epochs
    5``."""
    name = str(protocol["name"])
    stated = asdict(PRESETS[name]) if name in PRESETS else dict(protocol)
    changes = [
        f"{key} {protocol[key]}"
        for key, value in stated.items()
        if key in protocol and protocol[key] != value and key not in but
    ]
    return f"{name} with {', '.join(changes)}" if changes else name


def sections(rows: Iterable[Row]) -> list[Section]:
    """Rows by what they share, in the order of task, dataset and protocol.

    A row without a result (failed, skipped) has no machine or classes of its own to differ in: it
    joins the first table of its task, dataset, protocol and split.
    """
    shared: dict[str, dict[str, list[Row]]] = {}
    for row in sorted(_of_sweeps(list(rows)), key=lambda row: (_asked(row), row.split)):
        shared.setdefault(_asked(row), {}).setdefault(row.split, []).append(row)
    return _told_apart(
        [
            Section(
                rows=tuple(sorted(_lettered(table), key=rank)),
                split=split[:DIGITS] if len(by_split) > 1 else "",
            )
            for by_split in shared.values()
            for split, group in by_split.items()
            for table in _apart(group)
        ]
    )


def _told_apart(found: Sequence[Section]) -> list[Section]:
    """Sections of equal headings with what their datasets differ in: root and fingerprint."""
    alike: dict[str, list[Row]] = {}
    for section in found:
        alike.setdefault(section.heading(), []).append(section.first)
    return [
        replace(section, data=tuple(_data(section.first, alike[section.heading()])))
        for section in found
    ]


def _data(row: Row, alike: Sequence[Row]) -> Iterator[str]:
    if len({other.fingerprint for other in alike}) == 1:
        return
    roots = {other.root for other in alike}
    if row.root is not None and len(roots) > 1:
        names = {root: Path(root).name for root in roots if root is not None}
        # Of roots with the same last name, the whole path.
        yield row.root if list(names.values()).count(names[row.root]) > 1 else names[row.root]
    yield f"data {row.fingerprint[:DIGITS]}"


def _of_sweeps(rows: Sequence[Row]) -> list[Row]:
    """The rows, each with the fields of the largest sweep that it belongs to: its own, or that of
    rows from which it differs in swept fields alone, whichever run it was made by."""
    swept = sorted({row.sweep for row in rows if row.sweep}, key=lambda one: (-len(one), one))
    asked = {_asked(row) for row in rows if row.sweep}
    found = []
    for row in rows:
        joined = (replace(row, sweep=fields) for fields in swept)
        found.append(next((one for one in joined if _asked(one) in asked), row))
    return found


def _asked(row: Row) -> str:
    """What rows of a table have in common; of a sweep, which fields may differ."""
    shared = {name: None if name in row.sweep else value for name, value in row.protocol.items()}
    protocol = json.dumps([sorted(row.sweep), shared], sort_keys=True)
    keys = (row.task, row.dataset, row.fingerprint, row.part, row.device, row.precision)
    return "\0".join((*keys, protocol))


def _apart(group: Sequence[Row]) -> list[list[Row]]:
    tables: dict[tuple[object, ...], list[Row]] = {}
    without: list[Row] = []
    for row in group:
        if row.classes_present is None and not _timed_only(row):
            without.append(row)
        else:
            classes = row.classes_present or () if row.label else ()
            machine = row.machine if _timed_only(row) else None
            tables.setdefault((machine or "", classes), []).append(row)
    ordered = [tables[key] for key in sorted(tables, key=repr)] or [[]]
    ordered[0].extend(without)
    return ordered


def _lettered(rows: Sequence[Row]) -> Sequence[Row]:
    """Each with the letter of its machine, where there are several."""
    machines = sorted({row.machine for row in rows if row.machine is not None})
    if len(machines) < 2:
        return rows
    return [
        replace(row, on=letter(machines.index(row.machine))) if row.machine is not None else row
        for row in rows
    ]


def letter(place: int) -> str:
    """A to Z, then A2 to Z2, and so on."""
    round_, place = divmod(place, 26)
    return chr(ord("A") + place) + (str(round_ + 1) if round_ else "")


def _axes(row: Row) -> tuple[object, ...]:
    changes = json.dumps(dict(row.changed_params), sort_keys=True)
    settings = json.dumps(row.settings, sort_keys=True)
    return (
        row.method,
        row.seed,
        row.fold,
        settings,
        row.fraction,
        row.weights,
        row.weights_card,
        changes,
    )


def _timed_only(row: Row) -> bool:
    return row.status == "ok" and bool(row.protocol.get("time_only"))


def rank(row: Row) -> tuple[bool, bool, float, str, int, int, float]:
    """Sorts the best first, what is not defined behind it, what has no result last."""
    score = row.primary or 0.0
    return (
        row.classes_present is None,
        row.primary is None,
        -score if row.primary_higher_is_better else score,
        row.method,
        row.seed,
        row.fold or 0,
        -row.fraction,
    )
