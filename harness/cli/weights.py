"""``harness weights``"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import click

from harness.cli.shared.fitted_tables import fitted_table, path_lines, stacked_tables, widest
from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.terminal import terminal_width
from harness.cli.words.verb_group import VerbGroup
from harness.progress.transfers import Transfers
from harness.specs import to_json
from harness.values.wording import size_text, yes_no_unknown
from harness.weights.content import remedy
from harness.weights.locate import library_folder
from harness.weights.transfer.catalogue import (
    FileState,
    UsedCard,
    look,
    select_cards,
    used_cards,
    verify,
)
from harness.weights.transfer.fetching import TIMEOUT_SECONDS, fetch_all

_UNKNOWN = "unknown"

Found = Sequence[tuple[UsedCard, Sequence[FileState]]]


@click.group(name="weights", cls=VerbGroup)
def command() -> None:
    """List, fetch and check the published weights that networks start from.

    A PATTERN is the id of a weights card, a glob on such ids, or anything that --plugins takes.

    \b
    harness weights list
    harness weights fetch 'ssl/*' clip-vit-large-patch14
    harness weights verify
    """


@command.command(name="list")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json", "markdown")),
    default="text",
    help="Default: text.",
)
def list_command(form: Literal["text", "json", "markdown"]) -> None:
    """Show every weights card: size, licence, and where its files are or would be.

    Contacts no server and reads no weights: before verify, only a wrong size shows as damage.
    SHA-256 is that of the card, shortened in the text.

    \b
    harness weights list
    harness weights list --format json
    """
    plugins = found_plugins()
    found = [(used, look(used.card)) for used in used_cards(plugins)]
    if form == "json":
        click.echo(json.dumps([_facts(used, states) for used, states in found], indent=2))
    else:
        click.echo(_text(found, terminal_width()) if form == "text" else _markdown(found))
    for record in plugins.broken:
        click.echo(f"note: plugin {record.name!r} did not load; its weights are unknown", err=True)


@command.command(name="fetch")
@click.argument("patterns", metavar="PATTERN...", nargs=-1, required=True)
def fetch_command(patterns: tuple[str, ...]) -> None:
    """Download what is missing into the caches of the libraries.

    Honours HF_HUB_OFFLINE, HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, TORCH_HOME and
    CXR_HARNESS_TORCH_MIRROR. Exit code 1 if anything could not be fetched.

    \b
    harness weights fetch 'ssl/*'
    harness weights fetch clip-vit-large-patch14 supervised
    """
    cards = [used.card for used in select_cards(patterns, found_plugins())]
    failed = 0
    for card, error in fetch_all(cards, limit=TIMEOUT_SECONDS, watcher=Transfers()):
        failed += error is not None
        if error is None:
            click.echo(f"ok      {card.id} ({card.licence}): {library_folder(card)}")
        else:
            click.echo(f"failed  {error}")
    if failed:
        raise SystemExit(1)


@command.command(name="verify")
@click.argument("patterns", metavar="[PATTERN...]", nargs=-1)
def verify_command(patterns: tuple[str, ...]) -> None:
    """Read every file on this machine and compare it with its card.

    Exit code 1 if a file is damaged; missing files do not count as damaged.

    \b
    harness weights verify
    harness weights verify 'ssl/*'
    """
    from tabulate import tabulate

    plugins = found_plugins()
    chosen = select_cards(patterns, plugins) if patterns else used_cards(plugins)
    transfer = Transfers().transfer
    found = [(used.card.id, state) for used in chosen for state in verify(used.card, transfer)]
    rows = [(name, state.file.name, *_verdict(state)) for name, state in found]
    click.echo(tabulate(rows, headers=("weights", "file", "state", "what was found")))
    if any(state.state == "damaged" for _, state in found):
        raise SystemExit(1)


def _verdict(state: FileState) -> tuple[str, str]:
    if state.state == "missing":
        return "missing", f"not in {state.path.parent}"
    if state.state == "damaged":
        return "damaged", f"{state.difference}; {remedy(state.path)}"
    if state.file.sha256 is None:
        return "unchecked", f"SHA-256 {state.sha256}; the card has none"
    return "ok", f"SHA-256 {state.sha256}"


def _facts(used: UsedCard, states: Sequence[FileState]) -> dict[str, Any]:
    files = [
        {
            **to_json(state.file),
            "size": state.size,
            "path": str(state.path),
            "state": state.state,
            "difference": state.difference,
        }
        for state in states
    ]
    methods = list(used.methods)
    return {**to_json(used.card), "methods": methods, "state": _overall(states), "files": files}


_CARD_HEADS = ("weights", "source", "size", "licence", "labels used", "state", "methods")
_FILE_HEADS = ("weights", "SHA-256", "is or would be at")


def _cards(found: Found) -> list[tuple[str, ...]]:
    return [
        (
            used.card.id,
            used.card.source,
            _size(states),
            used.card.licence,
            yes_no_unknown(used.card.labels_used),
            _overall(states),
            ", ".join(used.methods),
        )
        for used, states in found
    ]


def _markdown(found: Found) -> str:
    """One table of the cards, one of their files."""
    from tabulate import tabulate

    files = [
        (used.card.id, state.file.sha256 or _UNKNOWN, str(state.path))
        for used, states in found
        for state in states
    ]
    tables = ((_CARD_HEADS, _cards(found)), (_FILE_HEADS, files))
    return "\n\n".join(
        tabulate(rows, heads, "github", disable_numparse=True) for heads, rows in tables
    )


def _text(found: Found, width: int) -> str:
    """The same in lines of at most ``width`` characters."""
    groups = ((2, 3, 5), (1, 4), (6,))
    cards = stacked_tables(_CARD_HEADS, _cards(found), width, groups=groups, wrapped=(6,))
    files = [
        (used.card.id, _digest(state.file.sha256), str(state.path))
        for used, states in found
        for state in states
    ]
    table = fitted_table(_FILE_HEADS, files, width, wrapped=())
    return f"{cards}\n\n{table if widest(table) <= width else _folders(found, width)}"


def _folders(found: Found, width: int) -> str:
    """The files below their folders: a path takes more than the rest of a narrow line."""
    lines = ["Where files are or would be, with the beginning of their SHA-256"]
    for used, states in found:
        for folder in dict.fromkeys(state.path.parent for state in states):
            files = [state for state in states if state.path.parent == folder]
            lines += ["", used.card.id, *(f"  {part}" for part in path_lines(folder, width - 2))]
            lines += [f"    {_digest(one.file.sha256):17}  {one.path.name}" for one in files]
    return "\n".join(lines)


def _overall(states: Sequence[FileState]) -> str:
    kinds = {state.state for state in states}
    if "damaged" in kinds:
        return "damaged"
    return "incomplete" if len(kinds) > 1 else kinds.pop()


def _size(states: Sequence[FileState]) -> str:
    known = [state.size for state in states if state.size is not None]
    if not known:
        return _UNKNOWN
    total = size_text(sum(known))
    return total if len(known) == len(states) else f"over {total}"


def _digest(sha256: str | None) -> str:
    if sha256 is None:
        return _UNKNOWN
    return f"{sha256[:16]}…" if len(sha256) > 16 else sha256
