"""The page of a study: one HTML file that opens offline, from its rows and their records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.report.formats.json import Broken
from harness.report.page.blocks.block import Block, Chapter, Page, Part
from harness.report.page.blocks.private import without_paths
from harness.report.page.blocks.sources import Films, Source
from harness.report.page.chapters.classes import classes
from harness.report.page.chapters.curves import curves
from harness.report.page.chapters.data import data_chapter
from harness.report.page.chapters.how_made import how_made
from harness.report.page.chapters.leaderboard import leaderboard
from harness.report.page.chapters.learning import learning
from harness.report.page.chapters.not_run import not_run
from harness.report.page.chapters.pictures import pictures
from harness.report.page.chapters.time_taken import time_chapter
from harness.report.page.chapters.tradeoff import tradeoff
from harness.report.page.chapters.twins import twins_chapter
from harness.report.page.template_file import rendered
from harness.report.screen.contest import Setting, settings
from harness.report.screen.evidence import Evidence, Report
from harness.report.screen.findings import findings
from harness.report.screen.headline import headline, purpose
from harness.report.table.rows import Row
from harness.results.checks.finished_cell import UNFINISHED
from harness.specs import MetricSpec
from harness.storage.names import on_one_line
from harness.values.wording import counted

FILE = "report.html"
"""Name of the page in a study's folder."""
SUFFIXES = (".html", ".htm")
"""Of the file of a page."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a page says besides its rows."""

    films: Films
    broken: Broken = ()
    """Plugins that did not load."""
    summaries: Mapping[str, str] = field(default_factory=dict)
    """Dataset -> what it is."""


def page_html(
    rows: Sequence[Row],
    metrics: Sequence[MetricSpec],
    asked: Asked,
    report: Report = lambda done, count: None,
) -> str:
    """The whole file.

    Args:
        rows: as the table has them.
        metrics: as the table takes them.
        report: called with the prediction files read and all there are.
    """
    found = [(setting, "test") for setting in settings(rows)]
    further = dict.fromkeys(row.part for row in rows if row.part != "test")
    found += [(setting, part) for part in further for setting in settings(rows, part)]
    several = len(found) > 1
    parts = []
    sources = []
    for number, (setting, part) in enumerate(found, start=1):
        source = Source(
            setting=setting,
            every=rows,
            metrics=metrics,
            evidence=Evidence(_scored(setting), metrics, report=report),
            prefix=f"part{number}" if several else "",
        )
        sources.append(source)
        parts.append(
            Part(
                id=f"part{number}",
                title=_title(source, part) if several else "",
                chapters=_chapters(source, part, asked),
            )
        )
    ended = Part(id="end", title="", chapters=[not_run(rows, asked.broken)])
    if parts:
        parts[0] = _with(parts[0], ended.chapters[0])
    else:
        parts = [ended]
    return rendered(
        Page(
            title=_studies(rows),
            lead=_lead(rows, sources, asked),
            warning=" / ".join(dict.fromkeys(filter(None, (purpose(s.setting) for s in sources)))),
            parts=parts,
        )
    )


def _with(part: Part, chapter: Chapter) -> Part:
    """The part with a chapter before its last, which says how all was made."""
    *before, last = part.chapters
    return Part(id=part.id, title=part.title, chapters=[*before, chapter, last])


def _scored(setting: Setting) -> list[Row]:
    """Every finished row of the setting, of all fractions."""
    return [
        row
        for contest in setting.contests
        for row in contest.section.rows
        if row.status == "ok" and row.primary_metrics
    ]


def _chapters(source: Source, part: str, asked: Asked) -> list[Chapter]:
    """The chapters of a part; those of a further test set are about its predictions alone."""
    of_test = part == "test"
    makers: list[tuple[bool, Callable[[], Chapter]]] = [
        (of_test, lambda: _in_short(source)),
        (True, lambda: leaderboard(source)),
        (of_test, lambda: tradeoff(source)),
        (of_test, lambda: learning(source)),
        (of_test, lambda: data_chapter(source)),
        (True, lambda: classes(source)),
        (True, lambda: curves(source)),
        (True, lambda: pictures(source, asked.films)),
        (True, lambda: twins_chapter(source)),
        (of_test, lambda: time_chapter(source)),
        (of_test, lambda: how_made(source)),
    ]
    made = [make() for wanted, make in makers if wanted]
    return [chapter for chapter in made if chapter.blocks]


def _in_short(source: Source) -> Chapter:
    said = findings(source.setting, source.evidence, source.metrics)
    text = [] if said else ["Nothing is said of two methods here; the leaderboard has every value."]
    return Chapter(
        id=source.id("short"),
        title="In short",
        blocks=[Block(text=text, bullets=said, notes=_caveats(source))],
    )


def _caveats(source: Source) -> list[str]:
    """What changes how every value is read."""
    rows = source.setting.rows
    found = [source.evidence.shortcut()]
    found += [contest.section.averaged_over() for contest in source.setting.contests]
    if any(row.selected_on_test for row in rows):
        found.append("the best epoch was chosen on the set shown here")
    found += [note for row in rows for note in row.split_notes]
    return [without_paths(on_one_line(text)) for text in dict.fromkeys(found) if text]


def _title(source: Source, part: str) -> str:
    row = source.setting.first
    section = source.setting.contests[0].section
    data = [on_one_line(Path(one).name) for one in section.data]
    words = [on_one_line(row.dataset), *data, part, section.protocol()]
    words += [section.told_folds] if section.told_folds else []
    machines = {row.machine for row in source.setting.rows if row.machine is not None}
    one = next(iter(machines)) if len(machines) == 1 else ""
    many = f"{len(machines)} machines" if len(machines) > 1 else ""
    return " · ".join([*words, f"{row.device} {row.precision}", one or many]).rstrip(" ·")


def _studies(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(on_one_line(row.study) for row in rows))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _lead(rows: Sequence[Row], sources: Sequence[Source], asked: Asked) -> list[str]:
    first = sources[0] if sources else None
    dataset = rows[0].dataset if first is None else first.setting.first.dataset
    if len(datasets := dict.fromkeys(on_one_line(row.dataset) for row in rows)) > 1:
        count = len({row.method for row in rows if row.status == "ok"})
        return [f"{counted(count, 'method')} on {', '.join(datasets)}", *_unfinished(rows)]
    lead = [
        headline(
            rows,
            None if first is None else first.setting,
            None if first is None else first.evidence,
            kept=0,
            summary=asked.summaries.get(dataset, ""),
            seconds=None,
        )
    ]
    return [*lead, *_unfinished(rows)]


def _unfinished(rows: Sequence[Row]) -> list[str]:
    left = sum(row.status == UNFINISHED for row in rows)
    if not left:
        return []
    return [f"{counted(left, 'cell')} of {len(rows)} not finished when this was written."]
