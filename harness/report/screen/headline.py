"""The first lines of the screen: what ran, on what, and what the preset is good for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from harness.report.screen.contest import Setting, methods_of
from harness.report.screen.evidence import Evidence
from harness.report.screen.text import WIDTH, shortened_at_the_end
from harness.report.table.rows import Row
from harness.storage.names import on_one_line
from harness.values.wording import counted

_STARTS: Mapping[str, str] = {"pretrained": "own small", "directory": "your", "random": "random"}
"""Kind of a small network's initial weights -> how the line in capitals calls it."""


def headline(
    rows: Sequence[Row],
    setting: Setting | None,
    evidence: Evidence | None,
    *,
    kept: int,
    summary: str,
    seconds: float | None,
) -> str:
    """``32 methods ran · phantom (made-up chest X-rays), 512 test images · CPU · 2:41``

    Args:
        kept: methods of the rows that had finished before this run.
        summary: of the dataset, as its plugin has it.
    """
    row = rows[0] if setting is None else setting.first
    count = len(methods_of([row for row in rows if row.status == "ok"]))
    ran = f"{counted(count - kept, 'method')} ran" + (f", {kept} kept" if kept else "")
    if kept == count > 0:
        ran = f"{counted(kept, 'method')} kept"
    images = ""
    if evidence is not None and evidence.images:
        images = f", {counted(evidence.images, 'test image')}"
    dataset = on_one_line(row.dataset)
    end = [
        _device(rows if setting is None else setting.rows),
        *([] if seconds is None else [clock(seconds)]),
    ]

    def line(what: str) -> str:
        named = f"{dataset} ({what})" if what else dataset
        return " · ".join([ran, f"{named}{images}", *end])

    room = WIDTH - cell_len(line("")) - len(" ()")
    what = short_summary(summary)
    return line(what if cell_len(what) <= room else "")


def purpose(setting: Setting) -> str | None:
    """What a preset with small networks is good for, in capitals; None for one with full ones."""
    rows = setting.rows
    small = [row for row in rows if row.small]
    if not small:
        return None
    name = str(setting.first.protocol["name"]).upper()
    size = setting.first.protocol.get("image_size")
    # Of several starts, the one that a reader could take for something else.
    start = min((row.weights for row in small), key=list(_STARTS).index)
    weights = f"{_STARTS[start]} weights"

    def line(*facts: str) -> str:
        return f"{name} IS A CHECK THAT EVERYTHING WORKS: {', '.join(facts)}"

    pixels = [f"{size} px"] if size else []
    texts = (line("small networks", *pixels, weights), line("small networks", weights))
    fitting = (text for text in texts if cell_len(text) <= WIDTH)
    return next(fitting, shortened_at_the_end(texts[-1], WIDTH))


def other_setting(setting: Setting) -> str:
    """A setting that has no block: what it is, and its best methods."""
    row = setting.first
    best = [contest.lines[0][0] for contest in setting.contests]
    section = setting.contests[0].section
    protocol = ", ".join(filter(None, (section.protocol(), section.told_folds)))
    return (
        f"{on_one_line(row.dataset)}, {protocol}, {_device(setting.rows)}: "
        f"{counted(len(methods_of(setting.rows)), 'method')}, best "
        f"{', '.join(one.method for one in best)}"
    )


def short_summary(summary: str) -> str:
    """The first clause of a summary, as it stands inside a sentence."""
    clause = re.split(r"[,;:]", summary, maxsplit=1)[0].strip()
    # An abbreviation or a name keeps its capital.
    ordinary = len(clause) > 1 and clause[1].islower() and clause.split(" ")[0].count("-") < 2
    return clause[0].lower() + clause[1:] if ordinary else clause


def clock(seconds: float) -> str:
    """``2:41``, ``1:02:41``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _device(rows: Sequence[Row]) -> str:
    if rows[0].device.startswith("cpu"):
        return "CPU"
    machines = {row.machine for row in rows if row.machine is not None}
    return ", ".join(sorted(machines)) or rows[0].device
