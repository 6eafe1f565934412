"""The last screen of a run, from its rows and their stored predictions."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.cells import cell_len

from harness.report.screen.blocks import Block
from harness.report.screen.contest import Contest, Setting, settings
from harness.report.screen.evidence import Evidence, Report
from harness.report.screen.findings import findings
from harness.report.screen.headline import headline, other_setting, purpose
from harness.report.screen.text import HEIGHT, WIDTH, listed, shortened_at_the_end, wrapped
from harness.report.screen.without_result import without_result
from harness.report.table.numbers import percent
from harness.report.table.rows import Row
from harness.specs import MetricSpec
from harness.storage.names import on_one_line
from harness.values.wording import counted

ROOM = ((5, 4), (4, 4), (3, 4), (3, 2), (2, 2), (1, 2))
"""Methods of a task with a line of their own at most, and lines that sentences get at least."""
SENTENCES = 5
CAVEATS = 2
BLOCKS = 4
"""Tasks, at most."""
RESULTS = "results"
"""The results folder that verbs look into unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What the screen says of a run besides its rows."""

    folders: Sequence[str]
    """Of its studies, as ``harness report`` takes them."""
    summaries: Mapping[str, str] = field(default_factory=dict)
    """Dataset -> what it is."""
    embedded: Collection[str] = ()
    """Datasets that come with the harness."""
    kept: Collection[str] = ()
    """Folders of cells that had finished before."""
    seconds: float | None = None
    """Wall time of the run."""
    broken: Sequence[str] = ()
    """Plugins that did not load."""
    pages: Sequence[str] = ()
    """Of its studies."""


def has_screen(rows: Sequence[Row]) -> bool:
    """Whether there is anything to say: not where only time was measured, or nothing began."""
    return bool(rows) and not any(row.protocol.get("time_only") for row in rows)


def screen(
    rows: Sequence[Row],
    metrics: Sequence[MetricSpec],
    ended: Ended,
    report: Report = lambda done, count: None,
) -> str:
    """At most 24 lines of at most 80 columns; only a command that is longer stays whole.

    Args:
        rows: of the cells of the run, as the table has them.
        metrics: as the table takes them.
        report: called with the prediction files read and all there are.
    """
    found = settings(rows)
    setting = found[0] if found else None
    evidence = Evidence(setting.rows, metrics, report=report) if setting else None
    top = _top(rows, setting, evidence, ended)
    below = [
        *without_result(rows, ended.broken),
        *(_caveats(setting, evidence) if setting and evidence else []),
        *(_not_shown(setting) if setting else []),
        *_others(rows, found[1:]),
    ]
    foot = ["", *_foot(rows, ended)]
    body = below
    if setting is not None and evidence is not None:
        body = _body(setting, evidence, metrics, HEIGHT - len(top) - len(foot), below)
    return "\n".join(line.rstrip() for line in (*top, *body, *foot)) + "\n"


def _top(
    rows: Sequence[Row], setting: Setting | None, evidence: Evidence | None, ended: Ended
) -> list[str]:
    finished = [row for row in rows if row.status == "ok"]
    anew = {row.method for row in finished if row.directory not in ended.kept}
    dataset = rows[0].dataset if setting is None else setting.first.dataset
    first = headline(
        rows,
        setting,
        evidence,
        kept=len({row.method for row in finished} - anew),
        summary=ended.summaries.get(dataset, ""),
        seconds=ended.seconds,
    )
    capitals = None if setting is None else purpose(setting)
    return [shortened_at_the_end(first, WIDTH), *([capitals] if capitals else []), ""]


def _body(
    setting: Setting,
    evidence: Evidence,
    metrics: Sequence[MetricSpec],
    room: int,
    below: Sequence[str],
) -> list[str]:
    """Blocks, what is below them, and sentences, in ``room`` lines, by the first of :data:`ROOM`
    that fits."""
    said = findings(setting, evidence, metrics)
    contests = setting.contests[:BLOCKS]
    blocks: list[str] = []
    for shown, lines in ROOM:
        blocks = _blocks(contests, evidence, metrics, shown)
        # With a heading and a blank line.
        if len(blocks) + len(below) + (lines + 2 if said else 0) <= room:
            break
    if (over := len(blocks) + len(below) - room) > 0:
        kept = below[: -over - 1]
        below = [*kept, f" +  {len(below) - len(kept)} more notes: harness report"]
    sentences = _fitting(said, room - len(blocks) - len(below) - 2)
    heading = ["", "What this run shows"] if sentences else []
    return [*blocks, *below, *heading, *sentences]


def _blocks(
    contests: Sequence[Contest], evidence: Evidence, metrics: Sequence[MetricSpec], shown: int
) -> list[str]:
    """The tasks with classes alone in full, or the only one; the others in two lines each."""
    in_full = [c for c in contests if all(name.startswith("label.") for name in c.metrics)]
    ordered = [*in_full, *(contest for contest in contests if contest not in in_full)]
    lines: list[str] = []
    for contest in ordered:
        block = Block(contest, evidence, metrics)
        full = contest in in_full or len(contests) == 1
        lines += block.full(shown) if full else block.brief()
    return lines


def _fitting(said: Sequence[str], room: int) -> list[str]:
    """The sentences that fit into so many lines, in their order."""
    lines: list[str] = []
    count = 0
    for sentence in said:
        text = wrapped(sentence, " · ", "   ")
        if count < SENTENCES and len(lines) + len(text) <= room:
            lines += text
            count += 1
    return lines


def _others(rows: Sequence[Row], rest: Sequence[Setting]) -> list[str]:
    """What has no block: other settings of the run, and further test sets."""
    lines = [shortened_at_the_end(f" +  {other_setting(one)}", WIDTH) for one in rest[:2]]
    if len(rest) > 2:
        lines.append(f" +  {len(rest) - 2} more settings")
    if parts := list(dict.fromkeys(row.part for row in rows if row.part != "test")):
        names = listed(parts, WIDTH - 40)
        lines.append(f" +  further test sets ({names}): harness report")
    return lines


def _not_shown(setting: Setting) -> list[str]:
    """Fractions of the training images of which no row is shown, and how many tasks."""
    tasks = len(setting.contests) - BLOCKS
    lines = [f" +  {counted(tasks, 'more task')}: harness report"] if tasks > 0 else []
    there = {row.fraction for contest in setting.contests for row in contest.section.rows}
    rest = sorted(there - {contest.fraction for contest in setting.contests})
    if rest:
        named = listed(map(percent, rest), WIDTH - 50)
        lines.append(f" +  also trained on {named} of the data: harness report")
    return lines


def _caveats(setting: Setting, evidence: Evidence) -> list[str]:
    """What changes how every value is read: sources that give classes away, classes that the set
    lacks, the choice of the epoch, and the split."""
    rows = setting.rows
    over: dict[str, list[str]] = {}
    for contest in setting.contests:
        if (facts := contest.section.averaged_over()) is not None:
            over.setdefault(facts, []).append(contest.task)
    said = [text for text in (evidence.shortcut(),) if text is not None]
    said += [f"{', '.join(tasks)}: {facts}" for facts, tasks in over.items()]
    said += _lacking(setting)
    if any(row.selected_on_test for row in rows):
        said.append("selected on test: the best epoch was chosen on the set shown here")
    said += [note for row in rows for note in row.split_notes]
    different = list(dict.fromkeys(map(on_one_line, said)))
    lines = [shortened_at_the_end(f" !  {note}", WIDTH) for note in different[:CAVEATS]]
    more = len(different) - CAVEATS
    return [*lines, *([f" !  {more} more: harness report"] if more > 0 else [])]


def _lacking(setting: Setting) -> Iterator[str]:
    """Lines without all folds of their task: their means are over other images."""
    for contest in setting.contests:
        short: dict[tuple[int, ...], list[str]] = {}
        for line in contest.lines:
            if lacking := contest.lacking(line):
                short.setdefault(tuple(lacking), []).append(contest.short(line))
        for folds, names in short.items():
            fold = "fold" if len(folds) == 1 else "folds"
            which = f"without {fold} {', '.join(map(str, folds))}: not the images of the others"
            yield f"{listed(names, WIDTH - len(which) - 6)} {which}"


def _foot(rows: Sequence[Row], ended: Ended) -> list[str]:
    lines = [f"All values   harness report {shlex.join(ended.folders)}"]
    if ended.pages:
        lines.append(_page_line(ended.pages))
    if all(row.dataset in ended.embedded for row in rows):
        lines.append(
            "Your images  harness run --plugins supervised --dataset folder --data-root DIR"
        )
    return lines


def _page_line(pages: Sequence[str]) -> str:
    """Where the page is, and what opens it, where that fits."""
    more = f" and {len(pages) - 1} more" if len(pages) > 1 else ""
    line = f"Page         {shlex.quote(pages[0])}{more}"
    above = str(Path(pages[0]).parent.parent)
    opened = " ".join(
        ["harness report --open", *([] if above == RESULTS else [shlex.quote(above)])]
    )
    whole = f"{line}   ({opened})"
    return whole if cell_len(whole) <= WIDTH else line
