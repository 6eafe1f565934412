"""The report for a paper: one LaTeX float per section, each with all that a reader must know of it,
as it may be the only one that is taken over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from harness.report.formats.json import Broken
from harness.report.formats.latex import Tabular, escape, latex_float, latex_notes, packages
from harness.report.formats.text_columns import Shown, shown
from harness.report.formats.twin_columns import HEADING
from harness.report.table.numbers import UNKNOWN
from harness.report.table.sections import Section, described_protocol
from harness.report.tables import BROKEN, Report, Table, broken_notes
from harness.storage.names import on_one_line
from harness.values.wording import counted

_OF_ALL = ("status", "weights", "images", "masks")
"""Default columns that the caption takes over where all rows have the same in them, or nothing."""


def paper(report: Report, broken: Broken = ()) -> str:
    """A float per table, with single-task twins in that of their table, and above all of them a
    comment on the packages that they need."""
    tabulars: list[Tabular] = []
    floats: list[str] = []
    labels: set[str] = set()
    for table in report.tables:
        columns, common = _columns(report, table)
        own, said = [Tabular(columns)], report.notes(table)
        if (twins := report.twins(table)) is not None:
            own.append(Tabular([*twins.key, *chain(*twins.groups)], HEADING))
            said += twins.notes
        sentences = _caption(table.section, common, any(column.best for column in columns))
        caption = on_one_line(" ".join(sentences))
        floats.append(latex_float(caption, _label(table.section, labels), own, said))
        tabulars += own
    blocks = [packages(tabulars), *floats]
    if broken:
        said = broken_notes(broken)
        blocks.append("\n".join([rf"\paragraph{{{escape(BROKEN)}}}", *latex_notes(said)]))
    return "\n\n".join(blocks) + "\n"


def _columns(report: Report, table: Table) -> tuple[list[Shown], list[str]]:
    """The columns of a table, and what the caption says instead of others."""
    key, groups = report.groups(table)
    columns: list[Shown] = shown(key, table.lines)
    common: list[str] = []
    for column in chain(*groups):
        (cells,) = shown([column], table.lines)
        texts = set(cells.cells) - {UNKNOWN}
        if table.columns or column.name not in _OF_ALL or len(texts) > 1:
            columns.append(cells)
        elif column.name != "status":
            some = " where there are any" if UNKNOWN in cells.cells else ""
            common += [f"{' '.join(column.head.split())} {text}{some}" for text in texts]
        elif texts != {"ok"}:
            columns.append(cells)
    return columns, common


def _caption(section: Section, common: Sequence[str], bold: bool) -> Iterator[str]:
    """Sentences: task, data, set, protocol and machine; what all rows have; what is bold."""
    row = section.first
    task = row.task[:1].upper() + row.task[1:]
    machine = f" ({section.machine})" if section.machine else ""
    facts = [
        f"preset {section.protocol()}",
        *([section.told_folds] if section.told_folds else []),
        f"device {row.device}{machine}",
        *([f"precision {row.precision}"] if row.precision else []),
        *section.apart,
    ]
    yield f"{task} on {row.dataset}, {row.part} set: {', '.join(facts)}."
    if (averaged := section.averaged_over()) is not None:
        yield f"{averaged[:1].upper()}{averaged[1:]}."
    if common:
        yield f"All rows: {'; '.join(common)}."
    if bold:
        yield "The best value of each score is bold."


def _label(section: Section, taken: set[str]) -> str:
    """A label from what the section is of, so that it stays the same when rows are added; one of
    its own where others would have the same."""
    row = section.first
    protocol = described_protocol(row.protocol, but=row.sweep)
    folds = [] if row.folds is None else [counted(row.folds, "fold")]
    kind = (row.device, row.precision, *row.sweep, *folds)
    facts = (row.task, row.dataset, row.part, protocol, *kind, *section.apart)
    words = re.sub(r"[^a-z0-9]+", "-", " ".join(facts).lower()).strip("-")
    label, number = f"tab:{words}", 1
    while label in taken:
        number += 1
        label = f"tab:{words}-{number}"
    taken.add(label)
    return label
