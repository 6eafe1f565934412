"""Whether the code that a cell imports is the code that its record names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import HarnessError, said
from harness.runtime.shadows import behind, imported_in_place_of


@contextmanager
def libraries_as_recorded() -> Iterator[None]:
    """Around what may import libraries.

    Raises:
        HarnessError: a library was imported from elsewhere than its distribution lies, so that its
            recorded version is another's. Takes the place of the error that this has led to.
    """
    cause: Exception | None = None
    try:
        yield
    except Exception as error:
        cause = error
        shadow = imported_in_place_of() or behind(error)
        if shadow is None:
            raise
    else:
        shadow = imported_in_place_of()
    if shadow is not None:
        raise HarnessError(
            f"{shadow.module} was imported from {shadow.file}, which is not {shadow.hidden}: "
            "take its folder off PYTHONPATH, or install it there (pip install -e), so that its "
            f"version is recorded{_led_to(cause)}"
        ) from cause


def _led_to(error: Exception | None) -> str:
    # The cause of another of these errors has been reported.
    if error is None or isinstance(error, HarnessError):
        return ""
    return f" (it led to {said(error)})"
