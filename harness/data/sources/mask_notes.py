"""What a reader must know about reference masks that mark nothing, or everything."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from harness.data.dataset import Samples

_KINDS = (
    (
        "empty_masks",
        "no pixel",
        "Dice and IoU are 1 where nothing is predicted for them, and 0 otherwise",
    ),
    ("full_masks", "every pixel", "a mask of a whole image does not show where the lungs are"),
)
"""Field of :class:`Samples`, what such a mask marks, and what follows."""


def mask_notes(samples: Samples, parts: Mapping[str, NDArray[np.int64]] | None = None) -> list[str]:
    """How many masks are empty or full, as far as files have been read, and in which parts all are.

    Args:
        parts: part -> its samples; None takes the dataset's own split, if any.
    """
    if parts is None:
        own = np.array(samples.split or (), dtype=object)
        parts = {name: np.flatnonzero(own == name) for name in dict.fromkeys(own) if name}
    notes = []
    for field, what, follows in _KINDS:
        named = frozenset(getattr(samples, field))
        flat = samples.has_mask & np.array([name in named for name in samples.ids])
        if not flat.any():
            continue
        masks = int(samples.has_mask.sum())
        if flat.sum() == masks:
            notes.append(f"all {masks} reference masks mark {what}: {follows}")
            continue
        whole = [
            f"all {samples.has_mask[indices].sum()} of {name}"
            for name, indices in parts.items()
            if flat[indices].any() and (flat == samples.has_mask)[indices].all()
        ]
        among = f", among them {' and '.join(whole)}" if whole else ""
        notes.append(f"{flat.sum()} of {masks} reference masks mark {what}{among}: {follows}")
    return notes
