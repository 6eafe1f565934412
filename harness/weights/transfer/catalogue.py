"""The weights cards of all methods, and what of them is on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from harness.discovery.registry import Plugins
from harness.discovery.select import select
from harness.errors import HarnessError, did_you_mean
from harness.specs import WeightsCard, WeightsFile
from harness.weights.content import Transfer, difference, read_sha256, remembered
from harness.weights.locate import library_files

State = Literal["here", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class UsedCard:
    """A weights card and the methods that start from it."""

    card: WeightsCard
    methods: tuple[str, ...]
    """Full ids, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file of a card, as it is in the cache of the card's library."""

    file: WeightsFile
    path: Path
    """Where it is or would be."""
    state: State
    size: int | None
    """Bytes: of the file that is here, else the card's; None where neither is known."""
    sha256: str | None
    """Of the file that is here, where it has been read; never the card's."""
    difference: str
    """What is damaged; empty for the other states."""


def used_cards(plugins: Plugins) -> tuple[UsedCard, ...]:
    """Every card once, sorted by id."""
    users: dict[str, tuple[WeightsCard, list[str]]] = {}
    for entry in plugins.methods.values():
        for card in filter(None, (entry.spec.weights, entry.spec.tiny_weights)):
            # Cards of different content are different cards, whatever their ids.
            users.setdefault(f"{card.id}\n{card!r}", (card, []))[1].append(entry.id)
    return tuple(UsedCard(card, tuple(sorted(ids))) for _, (card, ids) in sorted(users.items()))


def select_cards(patterns: Sequence[str], plugins: Plugins) -> tuple[UsedCard, ...]:
    """The cards whose id matches a glob, or that methods use which ``--plugins`` would select.

    Each item may hold several patterns, separated by commas.

    Raises:
        HarnessError: a pattern that matches neither; suggests what may have been meant.
    """
    cards = used_cards(plugins)
    chosen: list[UsedCard] = []
    for pattern in (pattern.strip() for item in patterns for pattern in item.split(",")):
        found = [used for used in cards if fnmatchcase(used.card.id, pattern)]
        chosen += found or _of_methods(pattern, cards, plugins)
    return tuple(used for used in cards if used in chosen)


def look(card: WeightsCard) -> tuple[FileState, ...]:
    """The state of every file by what is known without reading it: its size, and its digest where
    it has been read before."""
    return tuple(
        _state(file, path, remembered(path) if path.is_file() else None)
        for file, path in _pairs(card)
    )


def verify(card: WeightsCard, transfer: Transfer) -> tuple[FileState, ...]:
    """The state of every file, each that is here read and compared with the card.

    Raises:
        HarnessError: a file cannot be read; names it.
    """
    return tuple(
        _state(file, path, read_sha256(path, transfer) if path.is_file() else None)
        for file, path in _pairs(card)
    )


def _pairs(card: WeightsCard) -> list[tuple[WeightsFile, Path]]:
    files = library_files(card)
    return [(file, files[file.name]) for file in card.files]


def _state(file: WeightsFile, path: Path, found: str | None) -> FileState:
    if not path.is_file():
        return FileState(
            file=file, path=path, state="missing", size=file.size, sha256=None, difference=""
        )
    wrong = difference(file, path, found)
    return FileState(
        file=file,
        path=path,
        state="damaged" if wrong else "here",
        size=path.stat().st_size,
        sha256=found,
        difference=wrong,
    )


def _of_methods(pattern: str, cards: Sequence[UsedCard], plugins: Plugins) -> list[UsedCard]:
    try:
        methods = set(select((pattern,), (), plugins))
    except HarnessError as error:
        if meant := did_you_mean(pattern, [used.card.id for used in cards]):
            raise HarnessError(
                f"pattern {pattern!r} matches no weights and no method{meant}; "
                "'harness weights list' lists them"
            ) from error
        raise
    found = [used for used in cards if methods & set(used.methods)]
    if not found:
        raise HarnessError(
            f"pattern {pattern!r}: its methods start from no published weights; "
            "'harness weights list' lists those that do"
        )
    return found
