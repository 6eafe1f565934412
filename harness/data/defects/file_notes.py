"""Notes on one file that was read: how its pixels became grey, and what they show."""

from __future__ import annotations

from collections.abc import Iterator

from harness.data.images.levels import Reading
from harness.data.sources.defect import Defect


def image_notes(name: str, read: Reading) -> Iterator[Defect]:
    """The notes of an image called ``name``."""
    if read.mode not in ("L", "1"):
        yield _converted(name, read)
    for kind in read.kinds:
        yield otherwise(name, kind, read)
    if read.grey.min() == read.grey.max():
        yield a_note(name, "flat", "has one level in every pixel", "look at it")


def otherwise(name: str, kind: str, read: Reading) -> Defect:
    """A note on a file that is not read exactly as it is stored."""
    bits = max(16 if read.halved else 8, read.highest.bit_length())
    quarter = f"uses less than a quarter of the {bits}-bit range"
    own = "scaled to the range of its own levels"
    problem, done = {
        "turned": (
            f"is stored turned (EXIF orientation {read.turned})",
            "read upright, as viewers show it",
        ),
        "window": (read.window, own),
        "dark": (quarter, own),
        "dark-colour": (quarter, "it comes out nearly black; write it as 16-bit grey"),
        "dim": (
            "has more than half of its pixels in the darkest or brightest quarter",
            "look at it: a border or a large marker may set its range",
        ),
    }[kind]
    return a_note(name, kind, problem, done)


def _converted(name: str, read: Reading) -> Defect:
    if read.mode.startswith("I"):
        bits = read.highest.bit_length()
        done = "by its own range" if read.stretched else f"as level * 255 / {read.highest}"
        if read.mode.endswith("A"):
            done += ", transparency laid over black"
        return a_note(name, "16-bit", f"is {bits}-bit instead of 8-bit grey", f"read {done}")
    done = "its luma (ITU-R 601) is taken"
    if read.mode in ("RGBA", "LA", "PA"):
        done += ", transparency laid over black"
    if read.halved:
        done += ", of 16 bits the upper 8"
    return a_note(name, "colour", f"is {read.mode} instead of grey", done)


def an_error(name: str, kind: str, problem: str, remedy: str) -> Defect:
    """A defect at which a run stops."""
    return Defect(file=name, severity="error", problem=problem, remedy=remedy, kind=kind)


def a_note(name: str, kind: str, problem: str, remedy: str) -> Defect:
    """A defect that is only reported."""
    return Defect(file=name, severity="note", problem=problem, remedy=remedy, kind=kind)
