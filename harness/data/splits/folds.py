"""Cross-validation: K splits, in which every image is tested once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Samples, subset
from harness.data.splits.make import FROM_TRAIN, divided, unknown_groups
from harness.data.splits.split import Split, build_split, straddling
from harness.errors import HarnessError

MOST = 100
"""Folds of a study: more of them are a mistake, or leave single images out."""
OWN_IGNORED = "folds are drawn anew: the dataset's own train, val and test are not used"


@dataclass(frozen=True, slots=True)
class Fold:
    """Which of K splits one is, and the digest that all K share."""

    number: int
    """From 1."""
    of: int
    digest: str


def make_folds(samples: Samples, count: int, seed: int = 0) -> list[tuple[Fold, Split]]:
    """K splits: the test sets divide the images, and no group is in two parts of a split.

    Groups are divided into K parts, stratified by class and by whether there is a reference mask;
    where groups are unknown, every image is one. Each part is test once; of the others a
    tenth is val, as ``standard`` has it: with five folds, each split has the shares of the
    ``standard`` one. Further test sets of the dataset's own (``test-…``) are in every split,
    and images in no part of its own split in none.

    An image's part depends on the seed, on K and on ids, never on the order of the samples.

    Raises:
        HarnessError: fewer than two folds or more than :data:`MOST`, or too few groups for as many.
    """
    if not 2 <= count <= MOST:
        raise HarnessError(f"--folds {count}: give a number of folds from 2 to {MOST}")
    rows, further = _to_divide(samples)
    inner = subset(samples, rows)
    units = inner.ids if inner.groups is None else inner.groups
    if len(set(units)) < count:
        what = "images" if inner.groups is None else "groups (patients)"
        raise HarnessError(
            f"--folds {count}: the dataset has {len(set(units))} {what} to divide; "
            "every fold needs one"
        )
    names = [f"fold-{number}" for number in range(1, count + 1)]
    tested, scarce = divided(inner, units, dict.fromkeys(names, 1 / count), "folds", seed)
    notes = [*unknown_groups(samples), *_own_notes(samples, rows, further), *scarce]
    splits = [
        _split(samples, rows, tested[name], further, notes, f"folds {count} {name}", seed)
        for name in names
    ]
    digest = _digest(splits)
    return [(Fold(number, count, digest), split) for number, split in enumerate(splits, start=1)]


def _to_divide(samples: Samples) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Rows that folds divide, and further test sets, which they leave as they are."""
    if samples.split is None:
        return np.arange(len(samples)), {}
    given = np.array(samples.split, dtype=object)
    own = np.flatnonzero(np.isin(given, ["train", "val", "test"]))
    further = sorted({name for name in samples.split if name.startswith("test-")})
    return own, {name: np.flatnonzero(given == name) for name in further}


def _own_notes(
    samples: Samples, rows: NDArray[np.int64], further: Mapping[str, NDArray[np.int64]]
) -> Iterator[str]:
    """What folds make of the dataset's own split."""
    if samples.split is None:
        return
    yield OWN_IGNORED
    if loose := len(samples) - len(rows) - sum(map(len, further.values())):
        yield f"{loose} of {len(samples)} images are in no part of the dataset's own split"
    if samples.groups is not None and (
        leaks := straddling({"folds": rows, **further}, samples.groups)
    ):
        yield f"further test sets share {leaks} group(s) with the folds, or each other: it leaks"


def _split(
    samples: Samples,
    rows: NDArray[np.int64],
    tested: NDArray[np.int64],
    further: Mapping[str, NDArray[np.int64]],
    notes: Sequence[str],
    kind: str,
    seed: int,
) -> Split:
    learned = np.setdiff1d(np.arange(len(rows)), tested)
    inner = subset(samples, rows[learned])
    units = inner.ids if inner.groups is None else inner.groups
    cut, scarce = divided(inner, units, FROM_TRAIN, kind, seed)
    parts = {name: rows[learned][within] for name, within in cut.items()}
    parts |= {"test": rows[tested], **further}
    return build_split(parts, samples, [*notes, *scarce])


def _digest(splits: Sequence[Split]) -> str:
    """Of all of them, in their order."""
    text = "\n".join(split.digest for split in splits)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def notes_of(splits: Sequence[tuple[Fold | None, Split]]) -> tuple[str, ...]:
    """What a run says of its splits: once what is true of each, else of which folds it is."""
    said: dict[str, list[int]] = {}
    for fold, split in splits:
        for note in split.notes:
            said.setdefault(note, []).append(0 if fold is None else fold.number)
    return tuple(
        note if len(numbers) == len(splits) else f"fold {', '.join(map(str, numbers))}: {note}"
        for note, numbers in said.items()
    )
