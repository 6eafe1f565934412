"""Where imported code lies, and files that take the place of a library or of a standard module.

A cell's record names versions of installed distributions. That is true only while Python imports
the files of these distributions and not a clone, or a script of the same name, that comes first on
the path.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata, util
from importlib.machinery import FrozenImporter, PathFinder
from pathlib import Path
from traceback import walk_tb
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

_MODULES = MappingProxyType({"scikit-learn": "sklearn", "pillow": "PIL"})
"""Distribution -> the module that it installs, where that is not its name with underscores."""

LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "segmentation-models-pytorch",
    "transformers",
    "tokenizers",
    "torchmetrics",
    "numpy",
    "scipy",
    "scikit-learn",
    "pillow",
    "kornia-rs",
    "pydicom",
    "openpyxl",
    "safetensors",
    "huggingface-hub",
)
"""Distributions whose code can change what a cell predicts or measures."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """A file that is found instead of another."""

    module: str
    file: Path
    """What Python imports, or would."""
    hidden: str
    """What it hides, in words: a distribution with its version and folder, or a standard module."""


def module_of(distribution: str) -> str:
    """The top-level module of a distribution: ``scikit-learn`` -> ``sklearn``."""
    return _MODULES.get(distribution.lower(), distribution.lower().replace("-", "_"))


@lru_cache(maxsize=64)
def source_of_editable(distribution: str) -> Path | None:
    """The source folder of a distribution that is installed with ``pip install -e``, else None."""
    text = metadata.distribution(distribution).read_text("direct_url.json")
    direct = json.loads(text) if text else {}
    if not direct.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(direct["url"]).path))


@lru_cache(maxsize=64)
def _places(distribution: str) -> tuple[Path, ...]:
    """Folders in which the files of an installed distribution may lie."""
    source = source_of_editable(distribution)
    installed = Path(str(metadata.distribution(distribution).locate_file("")))
    return (installed,) if source is None else (installed, source)


def misplaced(distribution: str) -> Shadow | None:
    """What Python imports instead of an installed distribution; None where it imports that, or
    where either is missing."""
    module = module_of(distribution)
    file = _file_of(module)
    try:
        places = _places(distribution)
    except metadata.PackageNotFoundError:
        return None
    if file is None or any(_is_below(file, place) for place in places):
        return None
    return Shadow(module, file, f"{distribution} {metadata.version(distribution)} in {places[0]}")


def imported_in_place_of(distributions: Iterable[str] = LIBRARIES) -> Shadow | None:
    """The first module that this process has imported and that is not its distribution's."""
    loaded = (name for name in distributions if module_of(name) in sys.modules)
    return next(filter(None, map(misplaced, loaded)), None)


def libraries(distributions: Iterable[str]) -> Iterator[Shadow]:
    """Installed distributions in whose place Python imports something else."""
    yield from filter(None, map(misplaced, distributions))


def behind(error: BaseException | None, distributions: Iterable[str] = LIBRARIES) -> Shadow | None:
    """What Python imports instead of an installed distribution and the error comes from, be it
    while it is imported, which leaves no module behind; None for any other error."""
    files: set[Path] = set()
    while error is not None:
        files.update(Path(f.f_code.co_filename) for f, _ in walk_tb(error.__traceback__))
        error = error.__cause__ or error.__context__
    for shadow in libraries(distributions):
        whole = shadow.file.name == "__init__.py"
        if any(_is_below(file, shadow.file.parent if whole else shadow.file) for file in files):
            return shadow
    return None


def standard_modules() -> Iterator[Shadow]:
    """Modules of the standard library in whose place Python imports something else."""
    before: list[str] = []
    for entry in sys.path:
        if Path(entry, "os.py").is_file():
            break
        before.append(entry)
    for name in _standard_names():
        if file := _in_folders(name, before):
            yield Shadow(name, file, f"the standard library's {name}")


def in_folder(folder: Path, distributions: Iterable[str]) -> Iterator[Shadow]:
    """Files of a folder that would be imported instead of a library or of a standard module if
    the folder came first on the path."""
    for distribution in distributions:
        if file := _in_folders(module_of(distribution), [str(folder)]):
            yield Shadow(module_of(distribution), file, f"the library {distribution}")
    for name in _standard_names():
        if file := _in_folders(name, [str(folder)]):
            yield Shadow(name, file, f"the standard library's {name}")


def _standard_names() -> list[str]:
    """Those that are looked for on the path."""
    return sorted(
        name
        for name in sys.stdlib_module_names - set(sys.builtin_module_names)
        if FrozenImporter.find_spec(name) is None
    )


def _in_folders(name: str, folders: Sequence[str]) -> Path | None:
    """A module or package; a folder without ``__init__.py`` yields to either."""
    spec = PathFinder.find_spec(name, folders)
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _file_of(module: str) -> Path | None:
    loaded = sys.modules.get(module)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        return None if file is None else Path(file)
    spec = util.find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _is_below(file: Path, folder: Path) -> bool:
    # Some installers leave links to a store of their own: the link counts as much as its target.
    return any(
        Path(resolve(file)).is_relative_to(resolve(folder))
        for resolve in (os.path.abspath, os.path.realpath)
    )
