"""Code that must do without torch, used where torch cannot be imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.discovery.import_guard import ImportGuard
from harness.testing.checks.check import BrokenPromiseError


def use_without_torch(reference: str, use: Callable[[], object]) -> None:
    """Call ``use``, which imports the module of ``"package.module:callable"`` anew.

    Raises:
        BrokenPromiseError: it imports torch or a library that does.
        Exception: what else it raises.
    """
    guard = ImportGuard(__name__)
    try:
        with _forgotten(reference.partition(":")[0]), guard:
            use()
    except Exception:
        if not guard.violations:
            raise
    if guard.violations:
        raise BrokenPromiseError(guard.violations[0].partition(", through ")[0])


@contextmanager
def _forgotten(module: str) -> Iterator[None]:
    """The module is not imported in here, and is as it was afterwards. The harness's own modules
    stay: they are held to this by its own tests."""
    kept = None if module.partition(".")[0] == "harness" else sys.modules.pop(module, None)
    try:
        yield
    finally:
        if kept is not None:
            sys.modules[module] = kept
