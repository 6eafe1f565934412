"""95 % intervals from resamples: of a metric on its logit scale, and of a difference of two.

The spread of the resamples is taken for that of other test sets of the same kind. With several
seeds of a method, what its seeds differ by is added: the variance of their mean is that of the
resamples plus the variance component of the seeds, with Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
TAIL = 0.025
DEFINED = 0.9
"""Share of the resamples in which a metric must be defined."""
_ROUNDING = 1e-24
"""A variance that rounding alone may leave of equal numbers."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def metric_interval(
    values: Sequence[float],
    resampled: Sequence[Floats],
    *,
    groups: int,
    rests_on: int,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval | None:
    """The mean over seeds of a bounded metric: estimate ± 1.96 standard errors, logit scale.

    Logits of resamples are finite as half a group is added to either side: x becomes
    (n x + 1/2) / (n + 1) with n groups. At a bound itself no resample differs, and the interval is
    Clopper and Pearson's of observations that all agree.

    Args:
        values: of each seed.
        resampled: of each seed the same resamples, [R]; NaN where the metric is not defined.
        groups: that were resampled.
        rests_on: how many observations (:func:`harness.metrics.observations.observations`).
        bounds: lowest and highest value of the metric.

    Returns:
        None where the resamples tell nothing: fewer than two, all alike, or the metric is not
        defined in more than one in ten; and where the estimate is out of bounds.
    """
    low, high = bounds
    estimate = float(np.mean(values))
    if groups < 2 or not low <= estimate <= high:
        return None
    if estimate in (low, high):
        reach = (high - low) * (1 - TAIL ** (1 / rests_on))
        return (
            Interval(estimate, low, low + reach)
            if estimate == low
            else Interval(estimate, high - reach, high)
        )

    def logits(x: Floats) -> Floats:
        share = ((x - low) / (high - low) * groups + 0.5) / (groups + 1)
        return np.log(share / (1 - share))

    error = _error(logits(np.asarray(values, dtype=np.float64)), [logits(r) for r in resampled])
    if error is None:
        return None
    share = (estimate - low) / (high - low)
    centre = math.log(share / (1 - share))
    ends = [low + (high - low) / (1 + math.exp(-(centre + side * error))) for side in (-1, 1)]
    return Interval(estimate, ends[0], ends[1])


def difference_interval(
    first: Sequence[float],
    second: Sequence[float],
    resampled_first: Sequence[Floats],
    resampled_second: Sequence[Floats],
) -> Interval | None:
    """The first method's metric minus the second's: estimate ± 1.96 standard errors of the
    resampled differences.

    Args:
        first, second: values of the same seeds, over the images that both methods have.
        resampled_first, resampled_second: of each seed, on the same resamples of these images.

    Returns:
        None as :func:`metric_interval`.
    """
    values = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    pairs = zip(resampled_first, resampled_second, strict=True)
    error = _error(values, [one - other for one, other in pairs])
    if error is None:
        return None
    estimate = float(values.mean())
    return Interval(estimate, estimate - error, estimate + error)


def _error(values: Floats, resampled: Sequence[Floats]) -> float | None:
    """Half the width of the interval of the mean of the values.

    The variance of the seeds is what their values differ by, less what the resamples say they
    differ by on other images.
    """
    drawn = np.stack(resampled)
    defined = np.isfinite(drawn).all(axis=0)
    if defined.mean() < DEFINED or defined.sum() < 2:
        return None
    drawn = drawn[:, defined]
    of_images = float(drawn.mean(axis=0).var(ddof=1))
    seeds = len(values)
    if seeds == 1:
        return Z * math.sqrt(of_images) if of_images > _ROUNDING else None
    between = float(values.var(ddof=1))
    apart = drawn - drawn.mean(axis=1, keepdims=True)
    by_images = float(apart.var(axis=0, ddof=1).mean())
    variance = of_images + max(0.0, between - by_images) / seeds
    if variance <= _ROUNDING:
        return None
    freedom = variance**2 * (seeds - 1) / (between / seeds) ** 2 if between else math.inf
    return _quantile(freedom) * math.sqrt(variance)


def _quantile(freedom: float) -> float:
    """The 97.5 % quantile of Student's t."""
    if freedom > 1e6:
        return Z
    from scipy.special import stdtrit  # Here, as one seed is the rule and the import takes time.

    return float(stdtrit(freedom, 1 - TAIL))
