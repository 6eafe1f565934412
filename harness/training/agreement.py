"""Forward passes that must agree: through ``split`` or whole, and of an image alone or in a batch.

In float32, whatever the protocol's precision: neither promise is one of rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from harness.training.contract import ContractError, check_outputs, kind, same
from harness.training.freeze import train_mode, trainable_names
from harness.training.method import Stage, TorchMethod

SAME_FLOAT32 = {"cpu": 1e-4, "cuda": 1e-3}
SAME_ROUNDED = 2e-2
"""Largest difference, relative to the largest value, that rounding may make: in float32, where a
GPU takes other kernels for other numbers of images, and with factors rounded further."""
FEW = 4
"""Images on which ``split`` is held to its promise as the stage trains."""


@torch.no_grad()
def check_split(
    method: TorchMethod,
    module: nn.Module,
    stage: Stage,
    parts: tuple[nn.Module, Callable[..., Any]],
    images: Tensor,
) -> None:
    """``split`` kept its promise on these images: ``suffix(prefix(images)) == forward(images)``, in
    eval mode and as the stage trains, and the prefix treats each image by itself.

    Random numbers and buffers are afterwards as they were, and the module is in eval mode.

    Raises:
        ContractError: the two ways differ by more than rounding.
    """
    prefix, suffix = parts
    module.eval()
    prefix.eval()
    with torch.autocast(images.device.type, enabled=False):
        inner = prefix(images.clone())
        if not isinstance(inner, Tensor):
            raise ContractError(
                f"the prefix that split() gave for stage {stage.name!r} returned {kind(inner)}; "
                "expected one tensor [B, ...]"
            )
        _check_ways(method, module, stage, (inner, suffix), images, "")
        alone = prefix(images[:1].clone())
        if _distance(alone, inner[:1]) > 0:
            raise ContractError(
                f"the prefix that split() gave for stage {stage.name!r} makes something else of an "
                "image when others are in the batch; it must treat images independently"
            )
        few = min(FEW, len(images))
        if few > 1:  # One alone cannot be normalised by its own statistics.
            with _as_before(module):
                train_mode(module, trainable_names(module, stage))
                prefix.eval()
                ways = inner[:few], suffix
                _check_ways(method, module, stage, ways, images[:few], " while it trains")
    module.eval()


def _check_ways(
    method: TorchMethod,
    module: nn.Module,
    stage: Stage,
    parts: tuple[Tensor, Callable[..., Any]],
    images: Tensor,
    when: str,
) -> None:
    """``forward(images)`` beside what the suffix makes of the prefix's output.

    Copies are handed on, as an in-place operation at the boundary is the method's own affair.
    """
    inner, suffix = parts
    with _same_numbers(images.device):
        whole = method.forward(module, images.clone())
    with _same_numbers(images.device):
        behind = suffix(inner.clone())
    check_outputs(whole, method.problem.targets, len(images))
    check_outputs(behind, method.problem.targets, len(images))
    for name in method.problem.targets:
        if (far := _distance(behind[name], whole[name])) > 0:
            raise ContractError(
                f"split() does not keep its promise in stage {stage.name!r}{when}: {name!r} of "
                f"suffix(prefix(images)) differs from that of forward(images) by up to {far:.3g}"
            )


@torch.no_grad()
def check_independent(method: TorchMethod, module: nn.Module, images: Tensor) -> None:
    """In eval mode ``forward`` makes of the first and of the last image what it makes of them among
    the others, so that predictions depend on no batch size and on no order.

    Raises:
        ContractError: they differ by more than rounding.
    """
    if len(images) < 2:
        return
    module.eval()
    with torch.autocast(images.device.type, enabled=False), _as_before(module):
        among = method.forward(module, images.clone())
        check_outputs(among, method.problem.targets, len(images))
        for where in (slice(0, 1), slice(len(images) - 1, len(images))):
            alone = method.forward(module, images[where].clone())
            check_outputs(alone, method.problem.targets, 1)
            for name in method.problem.targets:
                if (far := _distance(alone[name], among[name][where])) > 0:
                    raise ContractError(
                        f"forward() predicts something else of an image when others are in the "
                        f"batch: {name!r} differs by up to {far:.3g}; in eval mode it must treat "
                        "images independently"
                    )


@contextmanager
def _same_numbers(device: torch.device) -> Iterator[None]:
    """What is random in here begins at the generators' present state, and leaves them there."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        yield


@contextmanager
def _as_before(module: nn.Module) -> Iterator[None]:
    """What happens to buffers in here, such as running statistics, is undone."""
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        yield
    finally:
        for name, buffer in module.named_buffers():
            buffer.copy_(before[name])


def _distance(found: Tensor, expected: Tensor) -> float:
    """The largest difference, 0 where rounding explains it; infinite where shapes differ, or where
    one of both is infinite or not a number and the other is something else."""
    if found.shape != expected.shape:
        return float("inf")
    allowed = SAME_FLOAT32.get(expected.device.type, SAME_ROUNDED)
    if found.dtype != torch.float32 or expected.dtype != torch.float32 or _rounds(expected.device):
        allowed = SAME_ROUNDED
    found, expected = found.float(), expected.float()
    finite = found.isfinite() & expected.isfinite()
    if not same(found[~finite], expected[~finite]):
        return float("inf")
    found, expected = found[finite], expected[finite]
    if not len(found):
        return 0.0
    largest = float((found - expected).abs().max())
    return 0.0 if largest <= allowed * float(expected.abs().max()) + 1e-7 else largest


def _rounds(device: torch.device) -> bool:
    """Whether a GPU rounds float32 factors (TensorFloat-32)."""
    return device.type == "cuda" and torch.backends.cudnn.allow_tf32
