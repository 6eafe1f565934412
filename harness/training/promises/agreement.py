"""Forward passes that must agree: through ``split`` or whole, and of an image alone or in a batch.

In float32, whatever the protocol's precision: neither promise is one of rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from harness.training.frozen.freeze import train_mode, trainable_names
from harness.training.method import Stage, TorchMethod
from harness.training.promises.contract import ContractError, check_outputs, kind

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
    *,
    inner: Tensor | None = None,
    checked: bool = False,
) -> Tensor:
    """``split`` kept its promise on these images: ``suffix(prefix(images)) == forward(images)``, in
    eval mode and as the stage trains, and the prefix treats each image by itself.

    Random numbers and buffers are afterwards as they were, and the module is in eval mode.

    Args:
        parts: the prefix and the suffix that ``split`` gave for the stage.
        images: float32 [B, channels, size, size], normalised, on the network's device.
        inner: what the prefix makes of the images, in float32, where that is known.
        checked: whether this prefix has passed before on the same images, and its layers have been
            held to what they were since.

    Returns:
        What the prefix makes of the images, [B, ...], float32 on the CPU, where it takes no memory
        from the training.

    Raises:
        ContractError: the two ways differ by more than rounding.
    """
    prefix, suffix = parts
    module.eval()
    prefix.eval()
    with torch.autocast(images.device.type, enabled=False):
        inner = prefix(images.clone()) if inner is None else inner.to(images.device)
        if not isinstance(inner, Tensor):
            raise ContractError(
                f"the prefix that split() gave for stage {stage.name!r} returned {kind(inner)}; "
                "expected one tensor [B, ...]"
            )
        # The prefix first: what is said of it is plainer than what follows from it.
        if not checked and _distance(prefix(images[:1].clone()), inner[:1]) > 0:
            raise ContractError(
                f"the prefix that split() gave for stage {stage.name!r} makes something else of an "
                "image when others are in the batch; it must treat images independently"
            )
        _check_ways(method, module, stage, (inner, suffix), images, "")
        few = min(FEW, len(images))
        if few > 1:  # One alone cannot be normalised by its own statistics.
            with _as_before(module):
                train_mode(module, trainable_names(module, stage))
                prefix.eval()
                ways = inner[:few], suffix
                _check_ways(method, module, stage, ways, images[:few], " while it trains")
    module.eval()
    return inner.cpu()


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

    Not checked for a ``forward`` that draws random numbers in eval mode: it makes something else
    even of the same images. Random numbers and buffers are afterwards as they were.

    Args:
        images: float32 [B, channels, size, size]; one alone cannot be compared.

    Raises:
        ContractError: they differ by more than rounding.
    """
    if len(images) < 2:
        return
    module.eval()
    with (
        torch.autocast(images.device.type, enabled=False),
        _as_before(module),
        _same_numbers(images.device),
    ):
        among = method.forward(module, images.clone())
        check_outputs(among, method.problem.targets, len(images))
        for where in (slice(0, 1), slice(len(images) - 1, len(images))):
            alone = method.forward(module, images[where].clone())
            check_outputs(alone, method.problem.targets, 1)
            for name in method.problem.targets:
                far = _distance(alone[name], among[name][where])
                if far and not _draws(method, module, images, among):
                    raise ContractError(
                        f"forward() predicts something else of an image when others are in the "
                        f"batch: {name!r} differs by up to {far:.3g}; in eval mode it must treat "
                        "images independently"
                    )


def _draws(
    method: TorchMethod, module: nn.Module, images: Tensor, before: Mapping[str, Tensor]
) -> bool:
    """Whether ``forward`` makes something else of the same images, as the generators go on."""
    state = _state(images.device)
    now = method.forward(module, images.clone())
    drew = any(not torch.equal(a, b) for a, b in zip(state, _state(images.device), strict=True))
    return drew and any(_distance(now[name], before[name]) > 0 for name in method.problem.targets)


def _state(device: torch.device) -> list[Tensor]:
    """Of the random generators that a network may draw from."""
    on_device = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *on_device]


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
            if name in before:  # A network may make one when it first runs.
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
    if not torch.allclose(found[~finite], expected[~finite], rtol=0, atol=0, equal_nan=True):
        return float("inf")
    found, expected = found[finite], expected[finite]
    if not len(found):
        return 0.0
    largest = float((found - expected).abs().max())
    return 0.0 if largest <= allowed * float(expected.abs().max()) + 1e-7 else largest


def _rounds(device: torch.device) -> bool:
    """Whether a GPU rounds float32 factors (TensorFloat-32)."""
    return device.type == "cuda" and torch.backends.cudnn.allow_tf32
