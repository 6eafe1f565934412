"""Whether the code that a cell imports is the code that its record names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import HarnessError
from harness.shadows import imported_in_place_of


@contextmanager
def libraries_as_recorded() -> Iterator[None]:
    """Around what imports and builds a method.

    Raises:
        HarnessError: a library was imported from elsewhere than its distribution lies, so that its
            recorded version is another's. Takes the place of the error that this has led to.
    """
    try:
        yield
    finally:
        shadow = imported_in_place_of()
        if shadow is not None:
            raise HarnessError(
                f"{shadow.module} was imported from {shadow.file}, which is not {shadow.hidden}: "
                "take its folder off PYTHONPATH, or install it there (pip install -e), so that its "
                "version is recorded"
            )
