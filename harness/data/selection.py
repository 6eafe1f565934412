"""The images of a split that one cell uses: those with what its task needs, capped, and cut."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Samples
from harness.data.parts import Split
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
    """Sample indices of every part, ascending.

    Each part has one order in which every beginning is stratified by class and mask presence, and
    the first images cover every class. A limit keeps a beginning of it and the fraction a beginning
    of that, so smaller fractions lie within larger ones and a cut of n images, or of as many as
    there are classes, has every class of its part.

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
        usable = indices[samples.has_mask[indices]] if need_masks else indices
        if not len(usable):
            raise HarnessError(_empty(part, len(indices), samples))
        order = _stratified_order(samples, usable, seed)
        kept = order[: train_limit if part == "train" else test_limit]
        if part == "train":
            classes = len(np.unique(samples.labels[kept]))
            kept = kept[: max(round(fraction * len(kept)), classes)]
        selected[part] = np.sort(kept)
    return MappingProxyType(selected)


def _empty(part: str, count: int, samples: Samples) -> str:
    if not count:
        return f"part {part} of the split is empty"
    have = "it has no reference masks at all"
    if samples.has_mask.any():
        have = f"{int(samples.has_mask.sum())} of its {len(samples)} images have one"
    return (
        f"part {part} is empty for a task that needs masks: none of its {count} images has a "
        f"reference mask. Use a dataset or split with masks in every part (of this dataset, {have})"
    )


def _stratified_order(samples: Samples, indices: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The indices in an order of which every beginning is stratified, classes first."""
    rank = np.array([derive_seed("subset", seed, samples.ids[i]) for i in indices])
    labels = samples.labels[indices]
    strata = 2 * labels + samples.has_mask[indices]
    # Image k of a stratum of m stands at (k + 1/2) / m: a beginning of length x N has x m of them.
    place = np.empty(len(indices))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        members = members[np.argsort(rank[members], kind="stable")]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        # Larger classes first, should the beginning be shorter than the number of classes.
        place[min(members, key=lambda i: (place[i], rank[i]))] = -len(members)
    return indices[np.lexsort((rank, place))]
