"""What a method promises, checked where breaking it would silently give wrong numbers.

Each check runs once or a few times per cell and states in one sentence, in the contract's own words
(:mod:`harness.training.method`), which promise does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.specs import TargetSpec
from harness.training.frozen.fingerprint import contents

ROUNDING = 1e-3
"""How far probabilities may lie outside [0, 1], and their sum from 1."""


class ContractError(HarnessError):
    """A method does not do what it promised."""


def check_outputs(outputs: Any, targets: Mapping[str, TargetSpec], count: int) -> None:
    """``forward`` returned logits for ``count`` images: ``label`` [B, C], ``mask`` [B, 1, H, W].

    Raises:
        ContractError: something else.
    """
    if not isinstance(outputs, Mapping):
        raise ContractError(
            f"forward() returned {kind(outputs)}; expected a mapping with a tensor for each of "
            f"{', '.join(map(repr, targets))}"
        )
    for name, target in targets.items():
        if name not in outputs:
            raise ContractError(
                f"forward() returned {sorted(map(str, outputs))}; the task also needs {name!r}"
            )
        value = outputs[name]
        if not isinstance(value, Tensor):
            raise ContractError(f"forward() returned {kind(value)} for {name!r}, not a tensor")
        if target.kind == "classes":
            expected, right = f"[{count}, {len(target.names)}]", value.dim() == 2
            right = right and tuple(value.shape) == (count, len(target.names))
        else:
            expected, right = f"[{count}, 1, height, width]", value.dim() == 4
            right = right and tuple(value.shape[:2]) == (count, 1)
        if not right:
            raise ContractError(
                f"forward() returned {name!r} of shape {list(value.shape)}; expected logits "
                f"{expected}"
            )
        if not value.is_floating_point():
            raise ContractError(
                f"forward() returned {name!r} of type {value.dtype}; expected floating-point logits"
            )


def check_loss(terms: Any) -> None:
    """``loss`` returned scalars to minimise, at least one of which training can act on.

    Raises:
        ContractError: something else.
    """
    if not isinstance(terms, Mapping) or not terms:
        raise ContractError(
            f"loss() returned {kind(terms)}; expected a mapping from names to scalar tensors"
        )
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.dim():
            shape = f" of shape {list(term.shape)}" if isinstance(term, Tensor) else ""
            raise ContractError(
                f"loss() returned {kind(term)}{shape} for {name!r}; expected a scalar tensor"
            )
    if torch.is_grad_enabled() and not any(term.requires_grad for term in terms.values()):
        raise ContractError(
            "loss() returned terms without a gradient: nothing that the stage trains takes part in "
            "them"
        )


class Unchanged:
    """Holds parameters and buffers to what they are now, bit by bit.

    Args:
        module: the network.
        names: of the parameters and buffers that must not change.
    """

    def __init__(self, module: nn.Module, names: Iterable[str]) -> None:
        self._module = module
        self._names = frozenset(names)
        self._before = self._contents()

    def _contents(self) -> dict[str, str]:
        state = self._module.state_dict()
        return contents({name: state[name] for name in sorted(self._names & state.keys())})

    def check(self, when: str, what: str) -> None:
        """Compare with what was there at first.

        Args:
            when: as in "while stage 'probe' trained".
            what: what they are, as in "frozen".

        Raises:
            ContractError: something has changed; names up to three.
        """
        now = self._contents()
        changed = [name for name, content in self._before.items() if now.get(name) != content]
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise ContractError(
                f"{', '.join(changed[:3])}{more} changed {when}, although {what}; "
                "forward() and loss() must not write to the network"
            )


def check_probabilities(name: str, values: NDArray[np.float32], target: TargetSpec) -> None:
    """``predict`` returned probabilities: of classes [B, C], rows that sum to 1; of a mask
    [B, H, W], each in [0, 1].

    Raises:
        ContractError: something else.
    """
    if not np.isfinite(values).all():
        raise ContractError(f"predict() returned {name!r} with values that are not finite")
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ContractError(
            f"predict() returned {name!r} with values from {low:.3g} to {high:.3g}; expected "
            "probabilities in [0, 1]"
        )
    if target.kind == "classes":
        sums = values.sum(axis=1, dtype=np.float64)
        worst = float(sums[np.abs(sums - 1).argmax()])
        if abs(worst - 1) > ROUNDING:
            raise ContractError(
                f"predict() returned {name!r} with probabilities that sum to {worst:.3g} over the "
                "classes of an image; expected 1"
            )


def kind(value: object) -> str:
    """What was returned, for a sentence."""
    return "None" if value is None else f"a value of type {type(value).__name__}"
