"""Plugins that are not installed: a file or a folder that a user names."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from harness.discovery.find import Found, PluginRecord, wrong_name
from harness.errors import HarnessError, said
from harness.hookspecs import PROJECT_NAME
from harness.provenance import LOCAL
from harness.runtime.resolve import make_importable

_PROJECT = "pyproject.toml"
_OTHERS: dict[str, frozenset[str]] = {}
"""Folder -> modules in it that were loaded before a plugin of it was first asked for."""
_STAMPS: dict[str, tuple[int, int]] = {}
"""File of a loaded module -> nanoseconds and bytes when it was last looked at."""


def find_local(paths: Sequence[Path]) -> list[Found]:
    """The plugins in these files and folders; their modules can be imported from now on.

    A path is a Python file, a package (a folder with ``__init__.py``), or a project: a folder whose
    ``pyproject.toml`` has entry points of group ``cxr_harness``. The name of a file or package is
    the plugin's.

    Raises:
        HarnessError: a path is none of these, a name cannot be imported or is given twice, or
            another module of that name would be imported.
    """
    found: list[Found] = []
    for path in paths:
        for name, module, folder in _offers(path):
            if wrong := wrong_name(name):
                raise _error(path, wrong)
            if any(name == record.name for _, record in found):
                raise HarnessError(f"--plugin: {name!r} is given twice", about="plugin")
            _make_importable(path, module, folder)
            record = PluginRecord(
                name=name,
                target=module,
                dist=LOCAL,
                version="",
                local=path.absolute(),
                import_from=folder,
            )
            found.append((EntryPoint(name, module, PROJECT_NAME), record))
    return found


def _offers(path: Path) -> Iterator[tuple[str, str, Path]]:
    """Name, module, and the folder that the module is imported from."""
    try:
        path.stat()
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise _error(path, "there is no such file or folder") from error
        raise _error(path, f"cannot be opened ({said(error)})") from error
    if path.is_file():
        if path.suffix != ".py":
            raise _error(path, "is neither a Python file (.py) nor a folder")
        if path.name == "__init__.py":
            raise _error(path, "is part of a package; name its folder")
        yield path.stem, path.stem, path.absolute().parent
    elif (path / _PROJECT).is_file():
        yield from _of_project(path)
    elif (path / "__init__.py").is_file():
        # A link keeps the name that a user has given it; '..' is none.
        package = path.resolve() if path.name == ".." else path.absolute()
        yield package.name, package.name, package.parent
    else:
        raise _error(
            path,
            f"has no {_PROJECT} with entry points of group {PROJECT_NAME}, and is no package "
            "(it has no __init__.py)",
        )


def _of_project(path: Path) -> Iterator[tuple[str, str, Path]]:
    try:
        project = tomllib.loads((path / _PROJECT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _error(path, f"{_PROJECT} cannot be read ({error})") from error
    points: Any = project
    for key in ("project", "entry-points", PROJECT_NAME):
        points = points.get(key) if isinstance(points, dict) else None
    if not isinstance(points, dict) or not points:
        raise _error(path, f"{_PROJECT} has no [project.entry-points.{PROJECT_NAME}]")
    for name, module in points.items():
        top = str(module).partition(".")[0]
        places = [path.absolute(), path.absolute() / "src"]
        home = next((p for p in places if (p / top).is_dir() or (p / f"{top}.py").is_file()), None)
        if home is None:
            raise _error(path, f"{_PROJECT} names the module {module!r}, which is not there")
        yield name, str(module), home


def _make_importable(path: Path, module: str, folder: Path) -> None:
    top = module.partition(".")[0]
    if not re.fullmatch(r"[A-Za-z_]\w*", top):
        raise _error(path, f"{top!r} cannot be imported: use letters, digits and '_'")
    make_importable([str(folder)])
    _forget_changed(top, folder)
    spec = importlib.util.find_spec(top)
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    if not any(place and Path(place).is_relative_to(folder) for place in places):
        where = next((place for place in places if place), "elsewhere")
        raise _error(path, f"another module {top!r} is imported instead ({where}); rename it")


def _forget_changed(top: str, folder: Path) -> None:
    """Unload the plugin's modules, and those next to it that it has imported, where a file of them
    has changed since the last time: hooks and datasets are called in this process, and a notebook
    goes on. What lay loaded next to it before is the user's own, and stays."""
    loaded: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name == "__main__" or not isinstance(file, str) or not file.startswith(f"{folder}/"):
            continue
        if Path(file).parent == folder or name.partition(".")[0] == top:
            loaded[name] = file
    others = _OTHERS.setdefault(str(folder), frozenset(loaded))
    stamps = {n: _stamp(file) for n, file in loaded.items() if n not in others or n == top}
    # One that was not seen before may have been edited since it was imported.
    if any(_STAMPS.get(loaded[name]) != stamp for name, stamp in stamps.items()):
        for name in stamps:
            del sys.modules[name]
    _STAMPS.update({loaded[name]: stamp for name, stamp in stamps.items()})


def _stamp(file: str) -> tuple[int, int]:
    try:
        found = Path(file).stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _error(path: Path, text: str) -> HarnessError:
    return HarnessError(f"--plugin {path}: {text}", about="plugin")
