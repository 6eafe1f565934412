"""Colour where a person looks at a terminal, and plain text everywhere else."""

from __future__ import annotations

import os
import shutil
import sys

import click

NARROWEST = 80
"""Columns that a table may always take."""

_COLOURS = {
    "ok": "green",
    "finished": "green",
    "failed": "red",
    "damaged": "red",
    "wrong": "red",
    "oom": "red",
    "timeout": "red",
    "load_failed": "red",
    "not_installed": "red",
    "skipped": "yellow",
    "note": "yellow",
    "unfinished": "yellow",
    "running": "green",
    "waiting": "yellow",
    "resumes": "yellow",
}
"""First word of a state -> its colour."""


def coloured() -> bool:
    """Whether standard output is a terminal, and neither NO_COLOR nor TERM=dumb is set."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def state_text(state: str) -> str:
    """The state in its colour, where there are colours."""
    colour = _COLOURS.get(state.partition(" ")[0].strip("(:"))
    return click.style(state, fg=colour) if colour and coloured() else state


def terminal_width() -> int:
    """Columns of the terminal, 80 at least; 100 where there is none."""
    return max(NARROWEST, shutil.get_terminal_size((100, 24)).columns)
