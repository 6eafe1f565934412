"""Whether a timing was taken while the machine was free for it.

A timing that was not is shown with a mark and enters no comparison and no sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from harness.report.table.rows import Row
from harness.runtime.stopwatch import Taken, has_waited

DISTURBED = "*"
"""After what was timed while other work held it up."""
UNRECORDED = "?"
"""After what is from a record that does not say whether other work held it up."""
SLACK = 0.3
"""Cores that others may keep busy beyond those that are left to them."""

Time = Literal["wall", "cpu"]


def mark(row: Row, blocks: Sequence[str], time: Time) -> str:
    """The mark of a timing of the row, or nothing.

    Args:
        blocks: names in ``timing.json`` of what the timing was computed from; those that the row
            does not have are left out.
        time: what the timing counts. Wall times are marked too where another cell ran meanwhile.
    """
    there = row.timing.get("blocks", {})
    found = [there[name] for name in blocks if name in there]
    meanwhile = time == "wall" and row.concurrent and not row.protocol.get("time_only")
    if meanwhile or any(is_disturbed(row, taken) for taken in found):
        return DISTURBED
    frozen = "frozen_prefix" in blocks and row.timing.get("activation_seconds")
    complete = found and (not frozen or "frozen_prefix" in there)
    if not complete or any(taken["cpu_seconds"] is None for taken in found):
        return UNRECORDED
    return ""


def worst(marks: Iterable[str]) -> str:
    """The mark of a timing that is of several rows."""
    found = set(marks)
    return next((one for one in (DISTURBED, UNRECORDED) if one in found), "")


def is_disturbed(row: Row, taken: Taken) -> bool:
    """Whether other work held the block up.

    On a CPU: its wall time is more than 30 % above its CPU time; with several threads, which share
    the waiting, also where others kept more cores busy than the cell left free. On a GPU, whose
    work is in no CPU time: others left it no core.
    """
    on_cpu = row.device.startswith("cpu")
    load = taken["other_load"]
    if on_cpu and has_waited(taken):
        return True
    needed = row.threads if on_cpu else 1
    if load is None or row.cores is None or needed is None or (on_cpu and needed == 1):
        return False
    return load > max(row.cores - needed, 0) + SLACK


def disturbed_blocks(row: Row) -> str | None:
    """Names of the row's disturbed blocks, one after the other; None where no record says so."""
    blocks = row.timing.get("blocks")
    if not blocks:
        return None
    return " ".join(name for name, taken in sorted(blocks.items()) if is_disturbed(row, taken))
