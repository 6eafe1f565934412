"""Whether the weights that a cell predicts with are those of the epoch that it selected."""

from __future__ import annotations

import math

import numpy as np

from harness.errors import HarnessError
from harness.training.batches import Part
from harness.training.fit.checkpoint import Figures
from harness.training.fit.runner import Fitted, Rounding

TOLERANCE: dict[Rounding, tuple[float, float]] = {
    "none": (1e-6, 1e-6),
    "float32": (0.01, 0.05),
    "half": (0.05, 0.05),
}
"""By how much the loss and a metric may differ, relative to them; at least by this share of 0.1 and
of 1. Rounding moves a loss little, but may turn an image whose probabilities are nearly equal."""
TURNED = 2
"""Images of the smallest class that rounding may turn, however much of a metric they are."""


def check_selected(fitted: Fitted, now: Figures, part: Part) -> None:
    """Compare the metrics of the final predictions with those of the best epoch.

    Args:
        fitted: the selected epoch; nothing is compared where there is none.
        now: metrics of the final predictions of the validation part.
        part: that part.

    Raises:
        HarnessError: they cannot be of the same network.
    """
    if fitted.best_val is None:
        return
    loss, metric = TOLERANCE[fitted.rounding]
    if fitted.rounding != "none":
        _, counts = np.unique(part.labels, return_counts=True)
        metric = max(metric, TURNED / int(counts.min()))
    for name, then in fitted.best_val.items():
        found = now.get(name)
        share, least = (loss, 0.1 * loss) if name == "loss" else (metric, metric)
        if found is None or not math.isclose(then, found, rel_tol=share, abs_tol=least):
            given = "not a number" if found is None else f"{found:.6g}"
            raise HarnessError(
                f"predicting the validation part with the kept weights gives {name} {given}, but "
                f"epoch {fitted.best_epoch} was selected with {then:.6g}: forward() or loss() "
                "depends on more than the network's parameters and persistent buffers and its own "
                "arguments, or something has changed the weights"
            )
