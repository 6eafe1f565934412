"""What every record of predictions must hold to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError

_TOLERANCE = 1e-4


def check_labels(ids: tuple[str, ...], labels: NDArray[np.int64], classes: tuple[str, ...]) -> None:
    if not ids:
        raise HarnessError("predictions of no image")
    if labels.shape != (len(ids),):
        raise HarnessError(f"labels have shape {labels.shape}, not ({len(ids)},)")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise HarnessError(f"a label is outside the {len(classes)} classes")


def check_probabilities(
    ids: tuple[str, ...], values: NDArray[np.float32], classes: tuple[str, ...]
) -> None:
    """HarnessError unless there is a probability per image and class, [N, C] in [0, 1]."""
    expected = (len(ids), len(classes))
    if values.shape != expected:
        raise HarnessError(f"class probabilities have shape {values.shape}, not {expected}")
    # NaN compares false, so it counts as outside.
    inside = ((values >= -_TOLERANCE) & (values <= 1 + _TOLERANCE)).all(axis=1)
    if not inside.all():
        first = int(np.flatnonzero(~inside)[0])
        raise HarnessError(
            f"{int((~inside).sum())} images have class probabilities outside [0, 1], "
            f"the first is {ids[first]}: {values[first].tolist()}"
        )


def check_sums(count: int, sums: NDArray[np.float64]) -> None:
    """HarnessError unless there are three finite sums, none below 0, per image: [N, 3]."""
    if sums.shape != (count, 3):
        raise HarnessError(f"mask_sums has shape {sums.shape}, not ({count}, 3)")
    if not np.isfinite(sums).all() or (sums < 0).any():
        raise HarnessError("probabilities of masks are negative or not a number (mask_sums)")
