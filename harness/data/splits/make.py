"""Splits into train, val and test: made, or read from a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Samples, present_classes, subset
from harness.data.splits.grouping import Group, assign_groups
from harness.data.splits.notes import absent_class_notes
from harness.data.splits.selection import select_parts
from harness.data.splits.split import GROUPS_UNKNOWN, SHARED, Split, build_split, straddling
from harness.data.splits.split_file import is_part, read_split, write_split
from harness.errors import HarnessError
from harness.seeds import derive_seed

__all__ = [
    "OWN_SPLIT",
    "Split",
    "SplitKind",
    "given_split",
    "make_split",
    "read_split",
    "select_parts",
    "write_split",
]

SplitKind = Literal["standard", "study"]

# Parts in the order in which they get a class that has too few groups for all.
_STANDARD = {"train": 0.72, "test": 0.20, "val": 0.08}
_STUDY = {"train": 0.80, SHARED: 0.20}
FROM_TRAIN = {"train": 0.90, "val": 0.10}
"""Of the images that are not tested on."""
OWN_SPLIT = "the split is the dataset's own"
_SELECTED_ON_TEST = (
    "val and test are the same images, as in the original study: "
    "the best epoch is selected on the images that are reported"
)


def make_split(samples: Samples, kind: SplitKind = "standard", seed: int = 0) -> Split:
    """Split the dataset, stratified by class and by whether there is a reference mask.

    ``standard`` is the dataset's own split where it has one (:func:`given_split`). Otherwise it is
    72 % train, 8 % val and 20 % test with no group in two parts; where groups are unknown, every
    image is one. A class with too few groups for every part is in train first, then in test.
    ``study`` repeats the original study: 80 % train, and 20 % that serve as val and as
    test; groups are ignored.

    An image's part depends on the seed and on ids, never on the order of the samples.

    Raises:
        HarnessError: an unknown kind, or too few groups to fill every part.
    """
    if kind not in ("standard", "study"):
        raise HarnessError(f"unknown split {kind!r}; use standard, study, or a split file")
    if kind == "standard" and samples.split is not None:
        return given_split(samples, seed)
    units = samples.ids if kind == "study" or samples.groups is None else samples.groups
    shares = _STANDARD if kind == "standard" else _STUDY
    parts, scarce = divided(samples, units, shares, kind, seed)
    return build_split(parts, samples, (*_kind_notes(samples, kind, parts), *scarce))


def given_split(samples: Samples, seed: int) -> Split:
    """The dataset's own split. Without ``val``, one is cut from ``train`` as ``standard`` does:
    a tenth of it, no group in both.

    Raises:
        HarnessError: an unknown part, no image in train or test, or too few groups to cut.
    """
    assert samples.split is not None, "only a dataset with a split of its own gets here"
    given = np.array(samples.split, dtype=object)
    parts = {name: np.flatnonzero(given == name) for name in sorted(set(samples.split) - {""})}
    if unknown := [name for name in parts if name == SHARED or not is_part(name)]:
        raise HarnessError(
            f"the dataset's own split has an unknown part {unknown[0]!r}; use train, val, test or "
            "test-<name>, or give a split with --split-file"
        )
    if absent := [name for name in ("train", "test") if name not in parts]:
        raise HarnessError(
            f"the dataset's own split has no image in {' and '.join(absent)}; "
            "give a split with --split-file"
        )
    notes = [OWN_SPLIT, *absent_class_notes(parts, samples), *unknown_groups(samples)]
    if samples.groups is not None and (leaks := straddling(parts, samples.groups)):
        notes.append(f"the dataset's own split puts {leaks} group(s) into several parts: it leaks")
    if loose := int((given == "").sum()):
        notes.append(f"{loose} of {len(samples)} images are in no part of the dataset's own split")
    if "val" not in parts:
        train = subset(samples, parts["train"])
        units = train.ids if train.groups is None else train.groups
        cut, scarce = divided(train, units, FROM_TRAIN, "standard", seed)
        parts |= {name: parts["train"][rows] for name, rows in cut.items()}
        notes += [f"it has no val: {len(cut['val'])} images of train are used for it", *scarce]
    return build_split(parts, samples, notes)


def divided(
    samples: Samples, units: Sequence[str], shares: Mapping[str, float], kind: str, seed: int
) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    """The parts of these shares, no unit in two, and what a reader must know about them.

    Args:
        units: of each image, the group that stays in one part.
        shares: part -> share of the images, in the order in which parts get a rare class.
        kind: of split, in what decides an image's part and in messages.

    Raises:
        HarnessError: too few units to fill every part.
    """
    features = _features(samples)
    names = sorted(set(units))
    number = {name: i for i, name in enumerate(names)}
    unit_of = np.array([number[unit] for unit in units])
    groups = _groups(names, unit_of, features, kind, seed)
    required = _required(samples)
    chosen = np.array(assign_groups(groups, shares, list(required)), dtype=object)[unit_of]
    parts = {name: np.flatnonzero(chosen == name) for name in shares}
    if empty := [name for name in parts if not len(parts[name])]:
        instead = "ask for fewer folds" if kind.startswith("folds") else "use a split file"
        raise HarnessError(
            f"the {kind} split leaves {' and '.join(empty)} empty: the dataset has {len(groups)} "
            f"group(s) in {len(samples)} images, and a group cannot be divided; {instead}"
        )
    unit = "image" if units is samples.ids else "patient"
    return parts, _scarce_notes(parts, unit_of, features, required, unit)


def _features(samples: Samples) -> list[tuple[int, ...]]:
    """Per image: its stratum (class and mask presence), its class, and mask presence."""
    count = len(samples.classes)
    return [
        (2 * label + mask, 2 * count + label) + ((3 * count,) if mask else ())
        for label, mask in zip(samples.labels.tolist(), samples.has_mask.tolist(), strict=True)
    ]


def _required(samples: Samples) -> Mapping[int, str]:
    """Features that every part should have -> what to call them."""
    count = len(samples.classes)
    required = {
        2 * count + c: samples.classes[c] for c in present_classes(samples.labels, samples.classes)
    }
    if samples.has_mask.any():
        required[3 * count] = "The set with masks"
    return required


def _groups(
    names: Sequence[str],
    unit_of: NDArray[np.int64],
    features: Sequence[tuple[int, ...]],
    kind: str,
    seed: int,
) -> list[Group]:
    counts: list[Counter[int]] = [Counter() for _ in names]
    sizes = np.bincount(unit_of)
    for unit, having in zip(unit_of.tolist(), features, strict=True):
        counts[unit].update(having)
    # In a fixed order, as costs are sums of rounded numbers.
    return [
        Group(
            dict(sorted(counts[i].items())), int(sizes[i]), derive_seed("split", kind, seed, name)
        )
        for i, name in enumerate(names)
    ]


def unknown_groups(samples: Samples) -> tuple[str, ...]:
    """The note on a dataset that does not know which images belong together."""
    return (GROUPS_UNKNOWN,) if samples.groups is None else ()


def _kind_notes(
    samples: Samples, kind: str, parts: Mapping[str, NDArray[np.int64]]
) -> tuple[str, ...]:
    unknown = unknown_groups(samples)
    if kind == "standard":
        return unknown
    if samples.groups is None:
        return (_SELECTED_ON_TEST, *unknown)
    leaks = straddling(parts, samples.groups)
    ignored = f"groups are ignored, as in the original study; in both train and test: {leaks}"
    return (_SELECTED_ON_TEST, ignored)


def _scarce_notes(
    parts: Mapping[str, NDArray[np.int64]],
    unit_of: NDArray[np.int64],
    features: Sequence[tuple[int, ...]],
    required: Mapping[int, str],
    unit: str,
) -> list[str]:
    """One note for everything that is not in every part."""
    owners: dict[int, set[int]] = {feature: set() for feature in required}
    holders: dict[int, set[str]] = {feature: set() for feature in required}
    for name, indices in parts.items():
        for index in indices:
            for feature in required.keys() & features[index]:
                owners[feature].add(int(unit_of[index]))
                holders[feature].add(name)
    grouped = "grouped " if unit == "patient" else ""
    return [
        f"{required[feature]} has {len(owned)} {unit}{'s' if len(owned) > 1 else ''}: "
        f"no {grouped}split can hold it in every part; "
        f"it is in {' and '.join(name for name in parts if name in holders[feature])} only"
        for feature, owned in owners.items()
        if len(holders[feature]) < len(parts)
    ]
