"""What a frozen prefix made of a batch, in place of running it on the same batch again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

PLAIN = (bool, int, float, str)


@dataclass(frozen=True, kw_only=True)
class Passed:
    """What a prefix made of a batch, and what the network was like then."""

    inner: Tensor
    """Float32 activations [B, ...]."""
    looks: list[Any]
    """See :func:`looks`."""


def looks(module: nn.Module) -> list[Any]:
    """All that the layers of a network can see of it and of themselves, but for the values of
    parameters and buffers and for their mode: what they are made of, their settings and hooks."""
    found: list[Any] = []
    for part in module.modules():
        found.append(part)
        for name, value in vars(part).items():
            if name not in ("training", "_modules"):
                found += (name, *_inside(value))
    return found


def _inside(value: Any) -> tuple[Any, ...]:
    if isinstance(value, dict):
        return (len(value), *value.keys(), *value.values())
    if isinstance(value, list | tuple | set):
        return (len(value), *value)
    return (value,)


def _alike(now: list[Any], before: list[Any]) -> bool:
    """Whether both hold the same objects, and equal numbers and words."""
    return len(now) == len(before) and all(
        a is b or (type(a) is type(b) and isinstance(a, PLAIN) and a == b)
        for a, b in zip(now, before, strict=True)
    )


@contextmanager
def recalled(
    module: nn.Module, prefix: nn.Module, images: Tensor, passed: Passed | None
) -> Iterator[list[int]]:
    """In here, a call of the prefix is answered by what it made before, where nothing can have
    changed the answer: it is given the same images, or the first of them, to the last bit, all of
    it in eval mode and in float32, and the network looks as it did. Any other call runs it.

    The values of the prefix's parameters are not compared: :class:`Unchanged` holds them.

    Args:
        module: the network.
        images: float32 [B, channels, size, size].
        passed: what the prefix made of them; None to run it in any case.

    Yields:
        The number of images of every call that was answered.
    """
    answered: list[int] = []
    if passed is None:
        yield answered
        return
    own, run = vars(prefix), prefix.forward
    inner = passed.inner.to(images.device)

    def answer(*given: Any, **options: Any) -> Any:
        with put_back():
            known = not options and len(given) == 1 and _same(given[0], images)
            known = known and not any(part.training for part in prefix.modules())
            if not (known and _alike(looks(module), passed.looks)):
                return run(*given, **options)
        answered.append(len(given[0]))
        return inner[: len(given[0])].clone()

    before = {"forward": own["forward"]} if "forward" in own else {}

    @contextmanager
    def put_back() -> Iterator[None]:
        del own["forward"]
        own.update(before)
        try:
            yield
        finally:
            own["forward"] = answer

    own["forward"] = answer
    try:
        yield answered
    finally:
        del own["forward"]
        own.update(before)


def _same(given: Any, images: Tensor) -> bool:
    """Whether these are the images, or the first of them, and run in the same precision."""
    return (
        isinstance(given, Tensor)
        and given.dtype == images.dtype
        and given.device == images.device
        and given.dim() == images.dim()
        and 0 < len(given) <= len(images)
        and given.shape[1:] == images.shape[1:]
        and not torch.is_autocast_enabled(images.device.type)
        and torch.equal(given, images[: len(given)])
    )
