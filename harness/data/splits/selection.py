"""The images of a split that one cell uses: those with what its task needs, capped, and cut."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Samples
from harness.data.splits.split import Split
from harness.errors import HarnessError
from harness.seeds import derive_seed


def select_parts(
    samples: Samples,
    split: Split,
    *,
    need_masks: bool,
    fraction: float,
    train_limit: int | None,
    test_limit: int | None,
    seed: int,
) -> Mapping[str, NDArray[np.int64]]:
    """Sample indices of every part, ascending: the same images for every task, as far as the task
    can use them.

    A limit is cut from one order of the part, of which every beginning is stratified by class and
    in which, within a class, images with a reference mask come first: so the cut leaves as many of
    these as there is room for. The fraction is cut from an order of what is left, of which every
    beginning is stratified by class and mask presence, so smaller fractions lie within larger ones.
    In both orders the first images cover every class. Last, a task with masks alone keeps the
    images that have one: they are those that a task with masks and classes scores its masks on, and
    that task's images are those of one with classes alone.

    Args:
        need_masks: keep only images with a reference mask.
        fraction: share of train to keep, in (0, 1], never less than one image per class.
        train_limit: at most so many images in train, before the fraction is cut; None for all.
        test_limit: at most so many in every other part.
        seed: same seed, same images; equal parts (val and test of the study split) stay equal.

    Raises:
        HarnessError: fraction out of range, a limit below 1, or a part that comes out empty.
    """
    if not 0 < fraction <= 1:
        raise HarnessError(f"the train fraction must be in (0, 1], got {fraction}")
    for name, limit in (("training", train_limit), ("test", test_limit)):
        if limit is not None and limit < 1:
            raise HarnessError(f"the limit of {name} images must be at least 1, got {limit}")
    selected = {}
    for part, indices in split.parts.items():
        limit = train_limit if part == "train" else test_limit
        kept = _limited(samples, indices, limit, seed)
        if part == "train":
            kept = _share(samples, kept, fraction, seed)
        usable = kept[samples.has_mask[kept]] if need_masks else kept
        if not len(usable):
            raise HarnessError(_empty(part, indices, len(kept), samples))
        selected[part] = np.sort(usable)
    return MappingProxyType(selected)


def _limited(
    samples: Samples, indices: NDArray[np.int64], limit: int | None, seed: int
) -> NDArray[np.int64]:
    """At most ``limit`` images of a part, in each class those with a mask first."""
    if limit is None or limit >= len(indices):
        return indices
    labels, without = samples.labels[indices], ~samples.has_mask[indices]
    return _stratified_order(samples, indices, labels, seed, last=without)[:limit]


def _share(
    samples: Samples, indices: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.int64]:
    """This fraction of the images, and one of every class at least."""
    if fraction == 1:
        return indices
    strata = 2 * samples.labels[indices] + samples.has_mask[indices]
    without = ~samples.has_mask[indices]
    classes = len(np.unique(samples.labels[indices]))
    count = max(round(fraction * len(indices)), classes)
    return _stratified_order(samples, indices, strata, seed, last=without)[:count]


def _empty(part: str, indices: NDArray[np.int64], kept: int, samples: Samples) -> str:
    if not len(indices):
        return f"part {part} of the split is empty"
    if samples.has_mask[indices].any():
        return (
            f"part {part} is empty for a task that needs masks: none of the {kept} images that the "
            "limit or the fraction leaves has a reference mask; raise it"
        )
    have = "it has no reference masks at all"
    if samples.has_mask.any():
        have = f"{int(samples.has_mask.sum())} of its {len(samples)} images have one"
    return (
        f"part {part} is empty for a task that needs masks: none of its {len(indices)} images has "
        "a reference mask. Use a dataset or split with masks in every part (of this dataset, "
        f"{have})"
    )


def _stratified_order(
    samples: Samples,
    indices: NDArray[np.int64],
    strata: NDArray[np.int64],
    seed: int,
    *,
    last: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The indices in an order of which every beginning is stratified, classes first.

    Args:
        strata: of each index; a stratum is of one class.
        last: which of them come behind the others of their stratum.
    """
    rank = np.array([derive_seed("subset", seed, samples.ids[i]) for i in indices])
    labels = samples.labels[indices]
    # Image k of a stratum of m stands at (k + 1/2) / m: a beginning of length x N has x m of them.
    place = np.empty(len(indices))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        members = members[np.lexsort((rank[members], last[members]))]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        # Larger classes first, should the beginning be shorter than the number of classes.
        place[min(members, key=lambda i: (last[i], place[i], rank[i]))] = -len(members)
    return indices[np.lexsort((rank, place))]
