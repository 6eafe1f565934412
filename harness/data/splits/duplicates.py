"""Images whose pixels are equal: how many, and across which groups and parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.data.dataset import Samples


def duplicate_notes(samples: Samples, part_of: Mapping[int, str] | None = None) -> list[str]:
    """How many films occur more than once, as far as files have been read, and across what.

    Args:
        part_of: sample -> its part; None takes the dataset's own split, if any.
    """
    index_of = {name: index for index, name in enumerate(samples.ids)}
    every = [[index_of[i] for i in ids if i in index_of] for ids in samples.same_pixels]
    found = [indices for indices in every if len(indices) > 1]
    if not found:
        return []
    if part_of is None and samples.split is not None:
        part_of = {index: part for index, part in enumerate(samples.split) if part}
    films = "film" if len(found) == 1 else "films"
    told = [f"exact duplicates: {sum(map(len, found))} images of {len(found)} {films}"]
    if samples.groups is not None:
        told.append(f"{_across(found, dict(enumerate(samples.groups)))} in several groups")
    parts = 0 if part_of is None else _across(found, part_of)
    if part_of is not None:
        leak = ": the split leaks" if parts else ""
        told.append(f"{parts} in several parts of the split{leak}")
    return [", ".join(told)]


def _across(found: Sequence[Sequence[int]], where: Mapping[int, str]) -> int:
    """How many of the sets of samples are in more than one place."""
    return sum(len({where[index] for index in indices if index in where}) > 1 for indices in found)
