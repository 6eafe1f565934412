"""The import guard: describing a plugin must not pull in a deep-learning library."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType, TracebackType

HEAVY = frozenset({"torch", "torchvision", "timm", "transformers", "segmentation_models_pytorch"})
"""Packages that no plugin may import while it is described: each costs seconds."""

MACHINERY = frozenset({"importlib", "importlib_metadata"})
"""Packages that carry imports and entry points out. The second is the first's release for older
Pythons: once any library has imported it, it answers for the first."""


class ImportGuard(MetaPathFinder):
    """While entered, refuses every import of a heavy package and remembers who asked.

    ``import torch``, ``importlib.import_module("torch")`` and ``__import__`` all look into
    ``sys.modules`` first and then ask ``sys.meta_path``. So the guard takes the first place on
    ``sys.meta_path`` and hides what is already loaded: it sees every attempt even in a process that
    uses torch itself, where a finder alone would never be asked and a replaced ``__import__`` would
    miss ``import_module``. The same module objects are put back on leaving.

    Not for use beside threads that import.
    """

    def __init__(self, outermost: str) -> None:
        """``outermost`` is the module from which the guarded imports start."""
        self.violations: list[str] = []
        """One text per refused import, also where the plugin caught the ImportError."""
        self._outermost = outermost
        self._hidden: dict[str, ModuleType] = {}
        self._before: frozenset[str] = frozenset()

    def __enter__(self) -> ImportGuard:
        self._hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if _heavy(name)}
        self._before = frozenset(sys.modules)
        sys.meta_path.insert(0, self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sys.modules.update(self._hidden)
        sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not _heavy(name):
            return None
        frames = self._asking_frames()
        if frames and frames[0].f_globals.get("__name__") == "importlib.util":
            return None  # importlib.util.find_spec() only asks whether there is such a package
        lines = [
            f"{frame.f_code.co_filename}:{frame.f_lineno}"
            for frame in frames
            if str(frame.f_globals.get("__name__")).partition(".")[0] not in MACHINERY
        ]
        through = f", through {lines[-1]}" if lines[-1:] != lines[:1] else ""
        violation = f"imports {name} at {lines[0] if lines else 'its entry point'}{through}"
        self.violations.append(violation)
        raise ImportError(f"{violation}, while plugins are described", name=name)

    def forget(self, package: str) -> None:
        """Unload what was loaded of ``package`` meanwhile.

        A module that catches the refusal keeps ``torch = None``.
        """
        for name in set(sys.modules) - self._before:
            if name.partition(".")[0] == package:
                del sys.modules[name]

    def _asking_frames(self) -> list[FrameType]:
        """From the import statement outwards, without the machinery that carries it out."""
        frames: list[FrameType] = []
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_globals.get("__name__") != self._outermost:
            if not frame.f_code.co_filename.startswith("<frozen importlib._bootstrap"):
                frames.append(frame)
            frame = frame.f_back
        return frames


def _heavy(name: str) -> bool:
    return name.partition(".")[0] in HEAVY
