"""Assignment of groups to parts: no group in two parts, every part like the whole.

Each group goes where it costs least in Pearson's chi-square between the counts of a part and its
share of the whole, summed over the features of the images. For groups of one image this is the
Sainte-Laguë method of apportionment. Large groups are placed first, small ones fill the gaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Images that stay together."""

    counts: Mapping[int, int]
    """Feature -> number of the group's images that have it."""
    size: int
    rank: int
    """A hash that orders groups of one size."""


class Balance:
    """Where every group is, and what moving one would cost."""

    def __init__(self, groups: Sequence[Group], shares: Mapping[str, float]) -> None:
        totals: Counter[int] = Counter()
        for group in groups:
            totals.update(group.counts)
        self.part_of: dict[int, str] = {}
        self.holders = {part: Counter[int]() for part in shares}
        """Part -> feature -> number of groups that have it."""
        self._groups = groups
        self._counts = {part: dict.fromkeys(totals, 0) for part in shares}
        self._targets = {
            part: {feature: share * total for feature, total in totals.items()}
            for part, share in shares.items()
        }

    def cost(self, group: int, part: str) -> float:
        """Change of the chi-square when the group, now in no part, joins this one."""
        counts, targets = self._counts[part], self._targets[part]
        return sum(
            count * (count + 2 * (counts[feature] - targets[feature])) / targets[feature]
            for feature, count in self._groups[group].counts.items()
        )

    def best(self, group: int) -> str:
        return min(self._counts, key=lambda part: self.cost(group, part))

    def put(self, group: int, part: str) -> None:
        self.part_of[group] = part
        self._add(group, part, 1)

    def take(self, group: int) -> str:
        part = self.part_of.pop(group)
        self._add(group, part, -1)
        return part

    def spares(self, group: int, required: Sequence[int]) -> bool:
        """Whether the group's part keeps every required feature without it."""
        holders = self.holders[self.part_of[group]]
        counts = self._groups[group].counts
        return all(holders[feature] > 1 for feature in required if feature in counts)

    def _add(self, group: int, part: str, sign: int) -> None:
        counts, holders = self._counts[part], self.holders[part]
        for feature, count in self._groups[group].counts.items():
            counts[feature] += sign * count
            holders[feature] += sign


def assign_groups(
    groups: Sequence[Group], shares: Mapping[str, float], required: Sequence[int]
) -> list[str]:
    """A part for every group.

    Args:
        groups: what to place.
        shares: part -> share of the images, in the order in which parts get a rare feature.
        required: features that every part should have. One with fewer groups than there are parts
            goes to the first parts of ``shares``.
    """
    balance = Balance(groups, shares)
    fixed = _place_rare(balance, groups, list(shares), required)
    order = sorted(
        (g for g in range(len(groups)) if g not in fixed),
        key=lambda g: (-groups[g].size, groups[g].rank),
    )
    for group in order:
        balance.put(group, balance.best(group))
    _complete(balance, groups, order, list(shares), required)
    return [balance.part_of[group] for group in range(len(groups))]


def _place_rare(
    balance: Balance, groups: Sequence[Group], parts: Sequence[str], required: Sequence[int]
) -> set[int]:
    """Place the groups of features that cannot be everywhere; returns those groups."""
    owners = {f: [g for g, group in enumerate(groups) if f in group.counts] for f in required}
    for feature in sorted(required, key=lambda f: len(owners[f])):
        if not 0 < len(owners[feature]) < len(parts):
            continue
        free = [g for g in owners[feature] if g not in balance.part_of]
        without = [part for part in parts if not balance.holders[part][feature]]
        by_count = sorted(free, key=lambda g: (-groups[g].counts[feature], groups[g].rank))
        for group, part in zip(by_count, without, strict=False):
            balance.put(group, part)
    return set(balance.part_of)


def _complete(
    balance: Balance,
    groups: Sequence[Group],
    movable: Sequence[int],
    parts: Sequence[str],
    required: Sequence[int],
) -> None:
    """Give every part each required feature, where another part can spare a group of it.

    Placement by size can starve a small part of a small class.
    """
    for feature in required:
        for part in parts:
            if balance.holders[part][feature]:
                continue
            spare = [
                g for g in movable if feature in groups[g].counts and balance.spares(g, required)
            ]
            if spare:
                group = min(spare, key=lambda g: (_gain(balance, g, part), groups[g].rank))
                balance.take(group)
                balance.put(group, part)


def _gain(balance: Balance, group: int, part: str) -> float:
    """Change of the chi-square when the group moves to the part."""
    home = balance.take(group)
    change = balance.cost(group, part) - balance.cost(group, home)
    balance.put(group, home)
    return change
