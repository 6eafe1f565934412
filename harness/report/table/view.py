"""What a reader asks a report to show: which rows, which columns, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Layout = Literal["wide", "long"]
Over = Literal["seeds", "folds"]
"""What rows are joined over: ``folds`` are folds and seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything but the format. Names of columns are those of ``docs/reports.md``."""

    columns: tuple[str, ...] = ()
    """Empty: those that suit the task. A name that holds commas may be given in its pieces."""
    sort: str | None = None
    """A column, descending with ``-`` in front; None: the best first, by the primary metric."""
    filters: tuple[str, ...] = ()
    """Conditions such as ``method=ssl/*``, all of which a row must meet."""
    aggregate: Over | None = None
    """Whether rows that differ in nothing but their seed, or in seed and fold, become one."""
    layout: Layout | None = None
    """``long``: one row per cell and value; None: as the format likes it."""

    def asks(self, name: str) -> bool:
        """Whether the column of that name is shown, or rows are sorted or chosen by it; where no
        columns are named, every column is taken for shown."""
        if not self.columns or name in self.columns:
            return True
        sorted_by = (self.sort or "").removeprefix("-")
        return name == sorted_by or any(text.lstrip().startswith(name) for text in self.filters)


EVERYTHING = View()
