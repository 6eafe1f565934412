"""What is said of files that are read otherwise than they are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_OWN_RANGE = "black to white is the range of their own levels"
COUNTED = {
    "dark": f"images use less than a quarter of the 16-bit range: {_OWN_RANGE}",
    "dark-colour": "images of 16-bit colour use less than a quarter of their range: nearly black",
    "window": f"DICOM images have no usable window: {_OWN_RANGE}",
    "dim": "images have more than half of their pixels in the darkest or brightest quarter of more "
    "than 8 bits: look at them, a border or a large marker may set their range",
    "turned": "files are stored turned (EXIF orientation): read upright, as viewers show them",
}
"""Kind of a note -> what is said of the files that have it."""


def counted(kinds: Iterable[str]) -> tuple[str, ...]:
    """One line per kind that is among ``kinds``, with how many files have it."""
    counts = Counter(kinds)
    return tuple(f"{counts[kind]} {text}" for kind, text in COUNTED.items() if counts[kind])
