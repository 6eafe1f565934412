"""Where the time of one cell went, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.report.formats.text import text_table
from harness.report.formats.text_columns import Shown
from harness.report.table.numbers import UNKNOWN, number, size_of
from harness.results.speed import QUEUED, spent
from harness.values.wording import counted

Facts = list[tuple[str, str]]
"""Names and their texts."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose first ``left`` columns are text; empty without rows."""
    body = list(rows)
    if not body:
        return ""
    return text_table(
        [Shown(head, [row[i] for row in body], i < left) for i, head in enumerate(heads)]
    )


def bucket_table(timing: Mapping[str, Any] | None) -> str:
    seconds = (timing or {}).get("buckets")
    if not seconds:
        return ""
    own = spent(seconds)
    total = sum(own.values())
    rows = [
        [name, number(value), f"{100 * value / total:.1f} %" if total else UNKNOWN]
        for name, value in sorted(own.items(), key=lambda pair: -pair[1])
    ]
    waited = seconds.get(QUEUED)
    before = [["queued before that", number(waited), ""]] if waited else []
    return table(["bucket", "s", "share"], [*rows, ["all", number(total), ""], *before])


def block_table(timing: Mapping[str, Any] | None) -> str:
    """The CPU time and the load of others show what other work did meanwhile."""
    rows = [
        [name, *(number(taken[key]) for key in ("wall_seconds", "cpu_seconds", "other_load"))]
        for name, taken in ((timing or {}).get("blocks") or {}).items()
    ]
    return table(["block", "s", "CPU s", "others,\ncores"], rows)


def cost_facts(timing: Mapping[str, Any]) -> Facts:
    facts: Facts = []
    for name, value in timing.items():
        if name in ("buckets", "blocks", "stages", "activations") or value is None:
            continue
        if isinstance(value, Mapping):
            text = ", ".join(f"{key} {number(part)}" for key, part in value.items())
        elif name.endswith("_bytes"):
            text = size_of(value)
        elif isinstance(value, int):
            text = f"{value:,}"
        else:
            text = number(value) if isinstance(value, float) else str(value)
        facts.append((name, text))
    for stage in timing.get("stages") or ():
        facts.append(
            (
                f"stage {stage['name']}",
                f"{counted(stage['epochs'], 'epoch')}, learning rate {stage['learning_rate']:g}, "
                f"{stage['parameters']:,} parameters",
            )
        )
    for stage, kept in (timing.get("activations") or {}).items():
        facts.append(
            (
                f"activations {stage}",
                f"{kept['where']}, {size_of(kept['bytes'])}, {number(kept['seconds'])} s",
            )
        )
    return facts
