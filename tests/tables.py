"""Tables of samples without any pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.data.dataset import Samples

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")


def make_samples(
    counts: Sequence[int], *, masked: float = 0.5, patients: Sequence[int] | None = None
) -> Samples:
    """So many images per class, the first ``masked`` share of each with a mask, in patients of so
    many images of one class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    within = np.concatenate([np.arange(count) for count in counts])
    has_mask = within < masked * np.array(counts)[labels]
    groups = None
    if patients is not None:
        numbers = within // np.array(patients)[labels]
        groups = tuple(f"{c}-p{n}" for c, n in zip(labels, numbers, strict=True))
    return Samples(
        ids=tuple(f"{CLASSES[c]}/{i}" for c, i in zip(labels, within, strict=True)),
        labels=labels,
        classes=CLASSES,
        has_mask=has_mask,
        mask_size=256,
        groups=groups,
    )
