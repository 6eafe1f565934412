"""``harness clean``"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli.shared.past_runs import FOLDER
from harness.planning.units import bytes_text, number_of_bytes, number_of_seconds, seconds_text
from harness.storage.cache import cache_directory
from harness.storage.lock import without_locks
from harness.upkeep import cleaning
from harness.upkeep.cleaning import Item


@click.command(name="clean")
@click.option(
    "--older-than",
    metavar="TIME",
    help="Cached data that was not used for this long, e.g. 30d (units s, m, h, d, w).",
)
@click.option(
    "--larger-than",
    metavar="SIZE",
    help="The least recently used cached data, until the rest takes at most SIZE, e.g. 10GB.",
)
@click.option(
    "--unfinished",
    type=FOLDER,
    metavar="RESULTS",
    help="Cells without a status, in the results folder or a study folder.",
)
@click.option(
    "--checkpoints",
    type=FOLDER,
    metavar="RESULTS",
    help="Checkpoints of cells that are ok, in the results folder or a study folder.",
)
@click.option("--yes", is_flag=True, help="Delete; without it, nothing is deleted.")
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
def command(
    older_than: str | None,
    larger_than: str | None,
    unfinished: Path | None,
    checkpoints: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """List what can be deleted, and delete it with --yes.

    The cache (prepared images, activations of frozen layers, digests of files) can be rebuilt,
    and every use of an artefact resets its age. Without an option, all of it is listed and nothing
    is selected. A cell without a status resumes when its run is repeated; once deleted, it
    starts over. Without its checkpoint, a cell keeps its predictions and metrics, but can predict
    nothing more. Whatever a running process uses is kept, and cells that a queue of jobs has.

    \b
    harness clean
    harness clean --older-than 30d --larger-than 10GB
    harness clean --older-than 30d --yes
    harness clean --unfinished results --yes
    harness clean --checkpoints results/phantom-quick

    Exit codes: 0, or 2 for bad input.
    """
    age = number_of_seconds("--older-than", older_than)
    budget = number_of_bytes("--larger-than", larger_than)
    asked = any(option is not None for option in (age, budget, unfinished, checkpoints))
    chosen = _of_cache(age, budget) if not asked or age is not None or budget is not None else []
    if unfinished is not None:
        chosen += cleaning.unfinished(unfinished)
    if checkpoints is not None:
        chosen += cleaning.checkpoints(checkpoints)
    for folder in cleaning.lockless(chosen):
        told = without_locks(folder, "whether a running process uses its content is unknown")
        click.echo(f"note: {told}; make sure that no run is active before you use --yes", err=True)
    queued = cleaning.queued(chosen, _warn)
    fates = [
        (item, "queued" if item.path in queued else _fate(item, asked, yes)) for item in chosen
    ]
    click.echo(json.dumps(_facts(fates), indent=2) if as_json else _text(fates, asked, yes))


def _warn(text: str) -> None:
    click.echo(f"warning: {text}; its cells are kept", err=True)


def _of_cache(age: float | None, budget: int | None) -> list[Item]:
    """What is to be deleted; everything where neither is given."""
    every = cleaning.cached(cache_directory())
    if age is None and budget is None:
        return every
    chosen = [] if age is None else cleaning.older_than(every, time.time() - age)
    if budget is not None:
        chosen += cleaning.beyond([item for item in every if item not in chosen], budget)
    return chosen


def _fate(item: Item, asked: bool, yes: bool) -> str:
    if cleaning.in_use(item):
        return "in use"
    if not asked:
        return "kept"
    if not yes:
        return "would go"
    return "removed" if cleaning.remove(item) else "in use"


def _text(fates: Sequence[tuple[Item, str]], asked: bool, yes: bool) -> str:
    from tabulate import tabulate

    if not fates:
        return "nothing to delete" if asked else f"{cache_directory()} is empty"
    now = time.time()
    rows = [
        (
            item.kind,
            bytes_text(item.nbytes),
            f"{seconds_text(now - item.used)} ago",
            fate,
            item.path,
        )
        for item, fate in fates
    ]
    table = tabulate(
        rows,
        headers=("what", "size", "last used", "", "where"),
        disable_numparse=True,
        colalign=("left", "right", "right", "left", "left"),
    )
    return f"{table}\n\n{_summary(fates, asked, yes)}"


def _summary(fates: Sequence[tuple[Item, str]], asked: bool, yes: bool) -> str:
    if not asked:
        total = bytes_text(sum(item.nbytes for item, _ in fates))
        return f"{total} in {cache_directory()}; choose with --older-than or --larger-than"
    going = [item for item, fate in fates if fate in ("removed", "would go")]
    held = sum(fate == "in use" for _, fate in fates)
    queued = sum(fate == "queued" for _, fate in fates)
    what = f"{len(going)} of {len(fates)}, {bytes_text(sum(item.nbytes for item in going))}"
    kept = f"; {held} in use by a running process" if held else ""
    kept += f"; {queued} with a queue of jobs" if queued else ""
    return f"deleted {what}{kept}" if yes else f"{what} would be deleted{kept}; add --yes"


def _facts(fates: Sequence[tuple[Item, str]]) -> list[dict[str, Any]]:
    return [
        {
            "kind": item.kind,
            "path": str(item.path),
            "bytes": item.nbytes,
            "last_used": item.used,
            "fate": fate,
        }
        for item, fate in fates
    ]
