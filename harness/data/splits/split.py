"""What a split is, however it was made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Samples
from harness.data.sources.mask_notes import mask_notes
from harness.data.splits.notes import leak_notes
from harness.errors import HarnessError
from harness.storage.csv_text import quoted
from harness.storage.names import on_one_line

SHARED = "val+test"
"""The part of images that select the best epoch and are reported on: both val and test."""
COLUMNS = ("id", "part")
GROUPS_UNKNOWN = "groups unknown: the split may leak"

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Which images train, select and test."""

    parts: Mapping[str, Indices]
    """``train``, ``val``, ``test`` and further test sets ``test-…``: ascending sample indices."""
    digest: str
    """Hexadecimal digest of every image's id and part."""
    selected_on_test: bool
    """Whether val and test are the same images, so that the best epoch was chosen on the test."""
    notes: tuple[str, ...]
    """Notes that a run prints once about this split."""


def build_split(parts: Mapping[str, Indices], samples: Samples, notes: Sequence[str]) -> Split:
    """The split with these parts, one of which may be ``val+test``.

    Raises:
        HarnessError: a part that every run needs is missing or empty.
    """
    digest = hashlib.blake2b(listing(parts, samples).encode(), digest_size=16).hexdigest()
    whole = {name: np.sort(indices) for name, indices in parts.items() if name != SHARED}
    shared = parts.get(SHARED)
    if shared is not None:
        whole["val"] = whole["test"] = np.sort(shared)
    if missing := [name for name in ("train", "val", "test") if not len(whole.get(name, ()))]:
        raise HarnessError(
            f"the split has no image in {', '.join(missing)}: every run needs train, val and test"
        )
    extra = sorted(set(whole) - {"train", "val", "test"})
    ordered = {name: whole[name] for name in ("train", "val", "test", *extra)}
    said = (*notes, *leak_notes(parts, samples), *mask_notes(samples, ordered))
    every = tuple(map(on_one_line, said))
    return Split(ordered, digest, shared is not None, every)


def listing(parts: Mapping[str, Indices], samples: Samples) -> str:
    """The text of a split file: header ``id,part``, one line per image, sorted by id."""
    rows = sorted((samples.ids[i], name) for name, indices in parts.items() for i in indices)
    return "".join(f"{quoted(name)},{part}\n" for name, part in (COLUMNS, *rows))


def stored_parts(split: Split) -> dict[str, Indices]:
    """The parts as they are listed: each image once, ``val+test`` where val and test are one."""
    if not split.selected_on_test:
        return dict(split.parts)
    others = {name: part for name, part in split.parts.items() if name not in ("val", "test")}
    return {**others, SHARED: split.parts["test"]}


def straddling(parts: Mapping[str, Indices], groups: Sequence[str]) -> int:
    """Number of groups with images in more than one of the parts."""
    seen: dict[str, set[str]] = {}
    for name, indices in parts.items():
        for index in indices:
            seen.setdefault(groups[index], set()).add(name)
    return sum(len(names) > 1 for names in seen.values())
