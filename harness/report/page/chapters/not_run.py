"""What did not run, and why."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.formats.json import Broken
from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.private import without_paths
from harness.report.screen.text import shortened_at_the_end
from harness.report.screen.without_result import without_result
from harness.report.table.column import name_of
from harness.report.table.numbers import percent
from harness.report.table.rows import Row
from harness.storage.names import on_one_line

REASON = 300
"""Characters of a reason on the page; the CSV has all."""


def not_run(rows: Sequence[Row], broken: Broken) -> Chapter:
    """Every cell without a result with its reason, and plugins that did not load."""
    without = [row for row in rows if row.status != "ok"]
    blocks: list[Block] = []
    if without:
        blocks.append(_cells(without))
    if broken:
        blocks.append(_plugins(broken))
    if not blocks:
        blocks.append(Block(text=["Everything ran."]))
    return Chapter(id="not-run", title="What did not run, and why", blocks=blocks)


def _cells(without: Sequence[Row]) -> Block:
    reasons = [without_paths(on_one_line(" ".join(row.reason.split()))) for row in without]
    records: list[Record] = [
        {
            "method": row.method,
            "seed": row.seed,
            "fold": row.fold,
            "fraction": row.fraction,
            "dataset": row.dataset,
            "status": row.status,
            "reason": reason,
        }
        for row, reason in zip(without, reasons, strict=True)
    ]
    return Block(
        id="not-run-cells",
        bullets=[without_paths(line.strip()) for line in without_result(without, ())],
        table=Table(
            columns=[
                Shown("method", [on_one_line(name_of(row)) for row in without], left=True),
                Shown("dataset", [on_one_line(row.dataset) for row in without], left=True),
                Shown("seed", [str(row.seed) for row in without]),
                Shown("train\ndata", [percent(row.fraction) for row in without]),
                Shown("status", [row.status for row in without], left=True),
                Shown(
                    "reason",
                    _cut(reasons),
                    left=True,
                ),
            ]
        ),
        records=records,
    )


def _plugins(broken: Broken) -> Block:
    found = [
        (on_one_line(name), how, without_paths(on_one_line(" ".join(why.split()))))
        for name, how, why in broken
    ]
    return Block(
        id="not-run-plugins",
        title="Plugins that did not load",
        table=Table(
            columns=[
                Shown("plugin", [name for name, _, _ in found], left=True),
                Shown("status", [how for _, how, _ in found], left=True),
                Shown("reason", _cut([why for _, _, why in found]), left=True),
            ]
        ),
        records=[{"plugin": name, "status": how, "reason": why} for name, how, why in found],
    )


def _cut(reasons: Sequence[str]) -> list[str]:
    return [shortened_at_the_end(reason, REASON) for reason in reasons]
