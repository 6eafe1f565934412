"""Methods without a result on the screen: a line per kind, with the one thing to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from harness.report.screen.contest import ended_otherwise, methods_of
from harness.report.screen.text import ELLIPSIS, WIDTH, listed
from harness.report.table.rows import Row
from harness.results.browse.decimals import UNKNOWN
from harness.results.checks.finished_cell import DAMAGED, UNFINISHED

_BY_DESIGN = "skipped"
_NAMES = 12
"""Columns that names of methods have at least."""


def without_result(rows: Iterable[Row], broken: Sequence[str]) -> list[str]:
    """Lines on failed, damaged, skipped and unfinished methods, and on plugins that did not load.

    Args:
        broken: names of such plugins.
    """
    found = [_line(status, alike) for status, alike in ended_otherwise(rows).items()]
    if broken:
        what = "plugin" if len(broken) == 1 else "plugins"
        found.append(_fitted(f" ✗  {len(broken)} {what} did not load", broken, "harness plugins"))
    return found


def _line(status: str, rows: Sequence[Row]) -> str:
    methods = methods_of(rows)
    names = _families(methods)
    mark = UNKNOWN if status in (_BY_DESIGN, UNFINISHED) else "✗"
    words = status.replace("_", " ")
    return _fitted(f" {mark}  {len(methods)} {words}", names, _to_do(status, rows))


def _to_do(status: str, rows: Sequence[Row]) -> str:
    if status == DAMAGED:
        return "repeat the command with --rerun"
    if status == UNFINISHED:
        return "repeat the command"
    # By its hash: a method may have many cells.
    show = f"harness show {rows[0].directory.rpartition('-')[2][:8]}"
    if status == "not_installed" or status == _BY_DESIGN:
        # The remedy is the last clause of such a reason.
        reasons = Counter(" ".join(row.reason.split()) for row in rows)
        remedy = reasons.most_common(1)[0][0].rpartition("; ")[2]
        return remedy if 0 < cell_len(remedy) <= WIDTH - 16 - _NAMES else show
    return show


def _families(methods: Sequence[str]) -> list[str]:
    """Ids, with ``plugin/name@…`` for several that differ in nothing but what follows the @."""
    count = Counter(method.partition("@")[0] for method in methods)
    bases = ((method, method.partition("@")[0]) for method in methods)
    named = (f"{base}@{ELLIPSIS}" if count[base] > 1 else method for method, base in bases)
    return list(dict.fromkeys(named))


def _fitted(start: str, names: Sequence[str], to_do: str) -> str:
    """The start, as many names as fit, and what to do, which is never cut."""
    room = WIDTH - cell_len(start) - cell_len(to_do) - len(" (): ")
    if room < _NAMES:
        return f"{start}: {to_do}"
    return f"{start} ({listed(names, room)}): {to_do}"
