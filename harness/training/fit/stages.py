"""Which of the protocol's epochs each stage trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from harness.errors import HarnessError
from harness.training.frozen.freeze import trainable_names
from harness.training.method import Stage


@dataclass(frozen=True, slots=True)
class Span:
    """A stage and its epochs."""

    stage: Stage
    names: frozenset[str]
    """Of the parameters that it trains."""
    epochs: range
    """Counted from 0 through all stages; empty where the stage is left out."""


def epochs_per_stage(stages: Sequence[Stage], epochs: int) -> tuple[int, ...]:
    """Whole epochs of every stage, by rounding the cumulated shares, halves up; they sum to
    ``epochs``, so a stage may get none.

    Raises:
        HarnessError: the shares do not sum to 1.
    """
    shares = [stage.share_of_epochs for stage in stages]
    if not math.isclose(sum(shares), 1.0, abs_tol=1e-6) or min(shares) <= 0:
        raise HarnessError(f"the stages' shares of the epochs are {shares}; they must sum to 1")
    return _rounded(shares, epochs)


def spans(stages: Sequence[Stage], module: nn.Module, epochs: int) -> tuple[Span, ...]:
    """The epochs of every stage of a network. One that trains nothing gets none: the others divide
    its share in proportion to theirs.

    Raises:
        HarnessError: the shares do not sum to 1.
    """
    epochs_per_stage(stages, epochs)
    trained = [frozenset(trainable_names(module, stage)) for stage in stages]
    shares = [s.share_of_epochs if names else 0.0 for s, names in zip(stages, trained, strict=True)]
    counts = _rounded(shares, epochs) if any(shares) else (0,) * len(shares)
    found: list[Span] = []
    start = 0
    for stage, names, count in zip(stages, trained, counts, strict=True):
        found.append(Span(stage, names, range(start, start + count)))
        start += count
    return tuple(found)


def stage_of(found: Sequence[Span], epoch: int | None) -> Stage:
    """The stage that trains an epoch, counted from 1; the last one where none was selected."""
    for span in found:
        if epoch is not None and epoch - 1 in span.epochs:
            return span.stage
    return found[-1].stage


def _rounded(shares: Sequence[float], epochs: int) -> tuple[int, ...]:
    whole = sum(shares)
    ends = [math.floor(epochs * sum(shares[: i + 1]) / whole + 0.5) for i in range(len(shares))]
    return tuple(end - start for start, end in zip([0, *ends], ends, strict=False))
