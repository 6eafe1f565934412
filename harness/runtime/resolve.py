"""T2: from the text of a spec to the code that it names."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import HarnessError, did_you_mean, said


def resolve(reference: str) -> Callable[..., Any]:
    """What ``"package.module:callable"`` names; imports the module.

    Raises:
        HarnessError: no such module or name, a module that fails while it is imported (its own
            error is the cause), or something that cannot be called.
    """
    module_name, colon, path = reference.partition(":")
    if not (module_name and colon and path):
        raise HarnessError(f"{reference!r} names no code; write 'package.module:callable'")
    try:
        found: Any = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise HarnessError(_import_failure(reference, module_name, error)) from error
    for name in path.split("."):
        if not hasattr(found, name):
            near = did_you_mean(name, [n for n in vars(found) if not n.startswith("_")])
            raise HarnessError(f"{reference}: {module_name} has no {path!r}{near}")
        found = getattr(found, name)
    if not callable(found):
        raise HarnessError(f"{reference}: is a {type(found).__name__} and cannot be called")
    resolved: Callable[..., Any] = found
    return resolved


def make_importable(folders: Iterable[str]) -> None:
    """Let modules in these folders be imported, where no other has their name: nothing that lies
    beside a plugin takes a library's place."""
    new = [folder for folder in folders if folder not in sys.path]
    sys.path += new
    if not any(isinstance(finder, _BesideInstalled) for finder in sys.meta_path):
        sys.meta_path.insert(0, _BesideInstalled())
    _BESIDE.update(new)
    importlib.invalidate_caches()


def beside() -> list[str]:
    """The folders that modules can be imported from since :func:`make_importable`."""
    return sorted(_BESIDE)


class _BesideInstalled(MetaPathFinder):
    """Finds a package that is installed in place (``pip install -e``) although a folder of its name
    lies beside a plugin. Python takes a folder without ``__init__.py``, as that of the package's
    own project is, for a package, and asks its path before what installs in place."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or not any(map(partial(_is_bare_folder, fullname), _BESIDE)):
            return None
        others = (finder for finder in sys.meta_path if finder not in (self, PathFinder))
        found = (finder.find_spec(fullname, path, target) for finder in others)
        return next((spec for spec in found if spec is not None), None)


_BESIDE: set[str] = set()


def _is_bare_folder(name: str, folder: str) -> bool:
    place = Path(folder, name)
    return place.is_dir() and not (place / "__init__.py").exists()


def _import_failure(reference: str, module: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        if f"{module}.".startswith(f"{error.name}."):
            return f"{reference}: there is no module {error.name!r}"
        return f"{reference}: {module} needs {error.name!r}, which is not installed"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{reference}: importing {module} failed: {said(error)} ({last.filename}:{last.lineno})"
