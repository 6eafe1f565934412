"""Initial weights: where they lie on this machine, how they get there, and whether they are whole.

Files are looked for where the libraries themselves keep them, so weights that another program has
downloaded are found, and weights fetched here are there for other programs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from harness.data.cache import cache_directory
from harness.errors import HarnessError
from harness.jsonio import read_json, write_json
from harness.specs import WeightsCard, WeightsFile

TIMEOUT_SECONDS = 10.0
"""How long a server may stay silent before it counts as unreachable."""


class WeightsMissing(HarnessError):
    """Files of a weights card are not on this machine; the message says which, and the remedy."""


def locate(card: WeightsCard, weights: str | Path) -> Mapping[str, Path]:
    """File name -> file for every file of the card.

    Args:
        card: what to look for.
        weights: ``"pretrained"`` for the published files in the library's own cache, checked
            against the card's sizes and SHA-256; or a folder ``DIR`` that holds
            ``DIR/<card id>/<file name>`` with any content, which only :func:`digest` names.

    Raises:
        WeightsMissing: a file is not there; names it, the folder and the remedy.
        HarnessError: a file of the cache is not the one that the card describes.
    """
    folder = _library_folder(card) if weights == "pretrained" else _own_folder(card, weights)
    if absent := _absent(card, folder):
        raise WeightsMissing(
            f"weights {card.id}: {', '.join(absent)} not found in {folder}; "
            f"{_remedy(card, weights)}"
        )
    if weights == "pretrained":
        for file in card.files:
            _verify(card, file, folder / file.name)
    return MappingProxyType({file.name: folder / file.name for file in card.files})


def fetch(card: WeightsCard) -> Mapping[str, Path]:
    """As :func:`locate` in the library's cache, downloading first what is not there.

    Raises:
        WeightsMissing: no server answers, or it does not have the file.
        HarnessError: what was downloaded is not what the card describes.
    """
    folder = _library_folder(card)
    if absent := _absent(card, folder):
        if card.source == "file":
            raise WeightsMissing(
                f"weights {card.id}: no program can download them; copy the files of "
                f"{card.location} to DIR/{card.id}/ and use --weights DIR"
            )
        if card.source == "torchvision":
            _download(card, card.location, folder / absent[0])
        else:
            _download_from_hub(card, absent)
    return locate(card, "pretrained")


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 over the names and the content of the files, 64 hexadecimal digits.

    Neither their order nor where they lie matters. Digests of content are kept in the cache folder
    under path, size and modification time, so an unchanged file is read once.

    Raises:
        HarnessError: a file cannot be read; names it.
    """
    listing = "".join(sorted(f"{path.name}\0{_sha256(path)}\n" for path in paths))
    return hashlib.sha256(listing.encode()).hexdigest()


def _own_folder(card: WeightsCard, weights: str | Path) -> Path:
    return Path(weights).expanduser().absolute() / card.id


def _library_folder(card: WeightsCard) -> Path:
    """Where the card's library keeps the files; the folder need not exist."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if card.source == "file":
        return cache_directory() / "weights" / card.id
    if card.source == "torchvision":
        torch_home = Path(os.environ.get("TORCH_HOME") or base / "torch")
        return torch_home.expanduser() / "hub" / "checkpoints"
    repository = _hub_cache() / f"models--{card.location.replace('/', '--')}"
    return repository / "snapshots" / (card.revision or _main_revision(repository))


def _hub_cache() -> Path:
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return Path(chosen).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return Path(os.environ.get("HF_HOME") or base / "huggingface").expanduser() / "hub"


def _main_revision(repository: Path) -> str:
    reference = repository / "refs" / "main"
    return reference.read_text().strip() if reference.is_file() else "main"


def _absent(card: WeightsCard, folder: Path) -> list[str]:
    return [file.name for file in card.files if not (folder / file.name).is_file()]


def _remedy(card: WeightsCard, weights: str | Path) -> str:
    if weights != "pretrained":
        return f"copy the files of {card.location} there, or use --weights pretrained"
    return (
        f"a run with network access downloads them from {card.location}; or copy them to "
        f"DIR/{card.id}/ and use --weights DIR, or use --weights random"
    )


def _verify(card: WeightsCard, file: WeightsFile, path: Path) -> None:
    advice = "delete it and fetch it again"
    if file.size is not None and (size := path.stat().st_size) != file.size:
        raise HarnessError(f"{path}: has {size} bytes, but {card.id} expects {file.size}; {advice}")
    if file.sha256 is not None and not (found := _sha256(path)).startswith(file.sha256.lower()):
        raise HarnessError(
            f"{path}: its SHA-256 is {found[:16]}…, but {card.id} expects {file.sha256[:16]}; "
            f"{advice}"
        )


def _sha256(path: Path) -> str:
    """Digest of the file's content, read again only when its size or time has changed."""
    path = path.resolve()
    try:
        stat = path.stat()
        seen = {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        key = hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        memory = cache_directory() / "weights" / f"{key}.json"
        if (kept := _recall(memory)) is not None and seen.items() <= kept.items():
            return str(kept["sha256"])
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, {**seen, "sha256": found})
    except OSError as error:
        raise HarnessError(f"{error.filename or path}: {error.strerror}") from error
    return found


def _recall(memory: Path) -> dict[str, object] | None:
    """What was kept; None where there is nothing or it is damaged, as it can be made again."""
    try:
        kept = read_json(memory)
    except HarnessError:
        return None
    return kept if isinstance(kept, dict) and "sha256" in kept else None


def _download(card: WeightsCard, address: str, target: Path) -> None:
    """Put the file at ``target``, whole and checked or not at all."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response,
            temporary.open("wb") as file,
        ):
            shutil.copyfileobj(response, file, 1 << 20)
            announced = int(response.headers.get("Content-Length") or file.tell())
            received = file.tell()
        if received != announced:
            raise OSError(f"the connection broke after {received} of {announced} bytes")
        _verify(card, card.files[0], temporary)
        temporary.replace(target)
    except OSError as error:
        raise _unreachable(card, address, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _download_from_hub(card: WeightsCard, names: list[str]) -> None:
    from huggingface_hub import constants, hf_hub_download

    endpoint = constants.ENDPOINT
    if not constants.HF_HUB_OFFLINE:
        _ask(card, endpoint)
    for name in names:
        try:
            hf_hub_download(card.location, name, revision=card.revision, cache_dir=_hub_cache())
        # Which exception stands for a failed download differs between the library's versions.
        except Exception as error:
            raise _unreachable(card, f"{endpoint}/{card.location}", error) from error


def _ask(card: WeightsCard, endpoint: str) -> None:
    """Raise at once where nobody answers: the library itself would retry for half a minute."""
    request = urllib.request.Request(endpoint, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except OSError as error:
        raise _unreachable(card, endpoint, error) from error


def _unreachable(card: WeightsCard, address: str, error: Exception) -> WeightsMissing:
    reason = " ".join(str(error).split())[:200]
    return WeightsMissing(
        f"weights {card.id}: {address} could not be downloaded ({reason}); "
        f"{_remedy(card, 'pretrained')}"
    )
