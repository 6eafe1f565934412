"""Notes on files that are not read exactly as they are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_OWN_RANGE = "scaled to the range of {its} own levels"
COUNTED = {
    "dark": "{image} {use} less than a quarter of the 16-bit range: " + _OWN_RANGE,
    "dark-colour": "{image} of 16-bit colour {use} less than a quarter of the range: nearly black",
    "window": "DICOM {image} {have} no usable window: " + _OWN_RANGE,
    "dim": "{image} {have} more than half of the pixels in the darkest or brightest quarter of "
    "more than 8 bits: look at {them}, a border or a large marker may set the range",
    "turned": "{file} {are} stored turned (EXIF orientation): read upright, as viewers show {them}",
}
"""Kind of a note -> its text, after the number of files that have it."""
_ONE = {
    "image": "image",
    "use": "uses",
    "have": "has",
    "file": "file",
    "are": "is",
    "them": "it",
    "its": "its",
}
_SEVERAL = {
    "image": "images",
    "use": "use",
    "have": "have",
    "file": "files",
    "are": "are",
    "them": "them",
    "its": "their",
}


def counted(kinds: Iterable[str]) -> tuple[str, ...]:
    """One line per kind that is among ``kinds``, with how many files have it."""
    counts = Counter(kinds)
    return tuple(
        f"{counts[kind]} {text.format_map(_ONE if counts[kind] == 1 else _SEVERAL)}"
        for kind, text in COUNTED.items()
        if counts[kind]
    )
