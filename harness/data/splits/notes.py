"""What a reader must know about a split, however it was made: leaks that names and pixels show,
and classes that a part lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Samples, present_classes
from harness.data.spelling import spelled_alike
from harness.data.splits.duplicates import duplicate_notes

_Parts = Mapping[str, NDArray[np.int64]]
_NAMED = 3


def leak_notes(parts: _Parts, samples: Samples) -> list[str]:
    """Groups that are spelled alike and exact duplicates, where they lie in several parts."""
    part_of = {int(index): name for name, indices in parts.items() for index in indices}
    return [*_alike_groups(part_of, samples), *duplicate_notes(samples, part_of)]


def absent_class_notes(parts: _Parts, samples: Samples) -> list[str]:
    """One note per part that lacks a class of the dataset."""
    labels = {
        name: set(present_classes(samples.labels[i], samples.classes)) for name, i in parts.items()
    }
    notes = []
    for name, present in labels.items():
        others = {other: found for other, found in labels.items() if other != name}
        absent = sorted(set().union(*others.values()) - present)
        if not absent:
            continue
        names = _some([repr(samples.classes[label]) for label in absent])
        note = f"{name} has no image of class {names}"
        if name == "train":
            where = [o for o, found in others.items() if found & set(absent)]
            count = sum(int(np.isin(samples.labels[parts[o]], absent).sum()) for o in where)
            note += f": the {count} of it in {' and '.join(where)} cannot be predicted correctly"
        notes.append(note)
    return notes


def _alike_groups(part_of: Mapping[int, str], samples: Samples) -> list[str]:
    if samples.groups is None:
        return []
    held: dict[str, set[str]] = {}
    for index, part in part_of.items():
        held.setdefault(samples.groups[index], set()).add(part)
    # An image without a group is called by its own id.
    names = held.keys() - set(samples.ids)
    apart = [
        alike
        for alike in spelled_alike(names)
        if len({p for name in alike for p in held[name]}) > 1
    ]
    if not apart:
        return []
    shown = _some([" and ".join(alike) for alike in apart])
    return [
        f"groups that are spelled alike lie in several parts: {shown}; if they are one patient, "
        "the split leaks: spell each patient one way"
    ]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
