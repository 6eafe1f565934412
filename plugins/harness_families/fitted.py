"""What a network says of itself once it is built without values: sizes of images, its head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

SIZES = (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512)
"""Pixels per side that are tried as the smallest."""
STEPS = (1, 2, 4, 8, 14, 16, 28, 32, 56, 64, 112, 128)
"""Pixels per side whose multiples are tried."""

Make = Callable[[int, int], nn.Module]
"""``make(size, classes)``: the network for images of ``size`` pixels per side."""


def without_values(make: Make, size: int, classes: int) -> nn.Module:
    """The network on the meta device: shapes without values, in hardly any memory. One that
    computes with values while it is built is on the CPU."""
    try:
        with torch.device("meta"):
            return make(size, classes).eval()
    except (RuntimeError, NotImplementedError):
        return make(size, classes).eval()


def facts(make: Make, native: int, *, sized: bool, maps: bool = False) -> dict[str, Any]:
    """Parameters of a method: ``multiple_of`` and ``min_size``, or ``only_size``, of images;
    ``head``, the names of its modules with something per class; and whether it is
    ``convolutional``.

    Args:
        make: builds the network.
        native: pixels per side that its weights were trained at.
        sized: whether it is built for a size of images, and not for any.
        maps: whether it answers for every pixel and not for the image.

    Raises:
        ValueError: it takes no images of its native size.
    """

    def takes(size: int) -> bool:
        return _takes(make, network, size, sized=sized, maps=maps)

    network = without_values(make, native, 3)
    if not takes(native):
        raise ValueError(f"images of {native} pixels do not go through")
    # A patch embedding takes any size and drops what is left over at the edges.
    patch = _patch(network) if sized else 1
    steps = [step for step in STEPS if step % patch == 0]
    step = _first(lambda step: takes((native // step + 1) * step), steps)
    sizes: dict[str, int] = {"only_size": native}
    if step is not None:
        at_least = [size for size in SIZES if size % step == 0 and size < native]
        least = _first(takes, at_least)
        sizes = {"multiple_of": step, "min_size": native if least is None else least}
    return {
        "sizes": sizes,
        "head": head_of(network, without_values(make, native, 5)),
        "convolutional": is_convolutional(network),
    }


def size_near(sizes: dict[str, int], wanted: int) -> int:
    """The size in pixels per side, of those that the network takes, that is nearest to ``wanted``.

    Args:
        sizes: as :func:`facts` has them.
    """
    if "only_size" in sizes:
        return sizes["only_size"]
    step = sizes["multiple_of"]
    return max(round(wanted / step) * step, sizes["min_size"])


def head_of(network: nn.Module, other: nn.Module) -> list[str]:
    """Names of the modules with a parameter of another shape in ``other``, which has another number
    of classes."""
    own, others = dict(network.named_parameters()), dict(other.named_parameters())
    changed = [name for name in own if own[name].shape != others[name].shape]
    return list(dict.fromkeys(name.rpartition(".")[0] for name in changed))


def is_convolutional(network: nn.Module) -> bool:
    """Whether most of its parameters are those of convolutions."""
    counts = {nn.Conv2d: 0, nn.Linear: 0}
    for layer in network.modules():
        if type(layer) in counts:
            counts[type(layer)] += sum(p.numel() for p in layer.parameters())
    return counts[nn.Conv2d] > counts[nn.Linear]


def _patch(network: nn.Module) -> int:
    """Pixels per side of a patch; 1 where the network does not say."""
    size = getattr(getattr(network, "patch_embed", None), "patch_size", 1)
    return int(max(size)) if isinstance(size, tuple | list) else int(size or 1)


def _first(fits: Callable[[int], bool], candidates: Any) -> int | None:
    return next((each for each in candidates if fits(each)), None)


def _takes(make: Make, network: nn.Module, size: int, *, sized: bool, maps: bool) -> bool:
    """Whether images of this size go through, whatever it is that breaks where they do not."""
    try:
        built = without_values(make, size, 3) if sized else network
        with torch.no_grad():
            device = next(built.parameters()).device
            result = built(torch.zeros(2, 3, size, size, device=device))
    except Exception:
        return False
    expected = (2, 3, size, size) if maps else (2, 3)
    return tuple(getattr(result, "shape", ())) == expected
