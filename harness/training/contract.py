"""What a method promises, checked where breaking it would give wrong numbers without a word.

Each check runs once or a few times per cell and says in one sentence, in the contract's own words
(:mod:`harness.training.method`), which promise does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.specs import TargetSpec
from harness.training.identity import contents
from harness.training.method import Stage, TorchMethod

SAME_FLOAT32 = 1e-4
SAME_HALF = 2e-2
"""Largest difference, relative to the largest value, that rounding may make."""
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
            f"forward() returned {_kind(outputs)}; expected a mapping with a tensor for each of "
            f"{', '.join(map(repr, targets))}"
        )
    for name, target in targets.items():
        if name not in outputs:
            raise ContractError(
                f"forward() returned {sorted(map(str, outputs))}; the task also needs {name!r}"
            )
        value = outputs[name]
        if not isinstance(value, Tensor):
            raise ContractError(f"forward() returned {_kind(value)} for {name!r}, not a tensor")
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
            f"loss() returned {_kind(terms)}; expected a mapping from names to scalar tensors"
        )
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.dim():
            shape = f" of shape {list(term.shape)}" if isinstance(term, Tensor) else ""
            raise ContractError(
                f"loss() returned {_kind(term)}{shape} for {name!r}; expected a scalar tensor"
            )
    if torch.is_grad_enabled() and not any(term.requires_grad for term in terms.values()):
        raise ContractError(
            "loss() returned terms without a gradient: nothing that the stage trains takes part in "
            "them"
        )


@torch.no_grad()
def check_split(
    method: TorchMethod,
    module: nn.Module,
    stage: Stage,
    parts: tuple[nn.Module, Callable[..., Any]],
    images: Tensor,
    autocast: Callable[[], AbstractContextManager[object]],
) -> None:
    """``split`` kept its promise on these images: ``suffix(prefix(images)) == forward(images)``,
    and the prefix treats each image by itself. The module is left in eval mode.

    Raises:
        ContractError: the two ways differ by more than rounding.
    """
    prefix, suffix = parts
    module.eval()
    prefix.eval()
    with autocast():
        # Copies, as an in-place operation at the boundary is the method's own affair.
        whole = method.forward(module, images.clone())
        inner = prefix(images.clone())
        if not isinstance(inner, Tensor):
            raise ContractError(
                f"the prefix that split() gave for stage {stage.name!r} returned {_kind(inner)}; "
                "expected one tensor [B, ...]"
            )
        behind = suffix(inner.clone())
        alone = prefix(images[:1].clone())
    check_outputs(whole, method.problem.targets, len(images))
    check_outputs(behind, method.problem.targets, len(images))
    for name in method.problem.targets:
        if (far := _distance(behind[name], whole[name])) > 0:
            raise ContractError(
                f"split() does not keep its promise in stage {stage.name!r}: {name!r} of "
                f"suffix(prefix(images)) differs from that of forward(images) by up to {far:.3g}"
            )
    if _distance(alone, inner[:1]) > 0:
        raise ContractError(
            f"the prefix that split() gave for stage {stage.name!r} makes something else of an "
            "image when others are in the batch; it must treat images independently"
        )


def _distance(found: Tensor, expected: Tensor) -> float:
    """The largest difference, 0 where rounding explains it; infinite where shapes differ, or where
    one of both is infinite or not a number and the other is something else."""
    if found.shape != expected.shape:
        return float("inf")
    exact = found.dtype == expected.dtype == torch.float32
    found, expected = found.float(), expected.float()
    finite = found.isfinite() & expected.isfinite()
    if not torch.allclose(found[~finite], expected[~finite], rtol=0, atol=0, equal_nan=True):
        return float("inf")
    found, expected = found[finite], expected[finite]
    if not len(found):
        return 0.0
    largest = float((found - expected).abs().max())
    allowed = (SAME_FLOAT32 if exact else SAME_HALF) * float(expected.abs().max()) + 1e-7
    return 0.0 if largest <= allowed else largest


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


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
