"""The blocks that a network is made of, found by its structure: what ``freezeN`` counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from torch import nn


def opened(network: nn.Module, head: Iterable[str]) -> set[nn.Module]:
    """The modules that only arrange others, down to blocks: the network, lists and sequences, and
    those whose class occurs once and that have blocks or a part of the head in them."""
    inner = [*blocks(network, head), *head]
    return {network} | {
        module
        for name, module, arranges in _walk(network)
        if arranges
        and (_is_list(module) or any(f"{one}.".startswith(f"{name}.") for one in inner))
        and name not in head
    }


def blocks(network: nn.Module, head: Iterable[str]) -> list[str]:
    """Names of the network's blocks in its own order: the outermost modules that are made of
    others, have parameters, and whose class occurs more than once.

    Args:
        head: names of the modules that are new; none of their blocks counts.
    """
    own = tuple(f"{name}." for name in head)
    return [
        name
        for name, module, arranges in _walk(network)
        if not arranges
        and not f"{name}.".startswith(own)
        and any(True for _ in module.children())
        and any(True for _ in module.parameters())
    ]


def _walk(network: nn.Module) -> Iterator[tuple[str, nn.Module, bool]]:
    """Name, module, and whether it only arranges others, of everything down to blocks."""
    counts = Counter(type(module) for module in network.modules())

    def inside(parent: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module, bool]]:
        for name, child in parent.named_children():
            listed = _is_list(child)
            alone = counts[type(child)] == 1 and any(True for _ in child.children())
            yield f"{prefix}{name}", child, listed or alone
            if listed or alone:
                yield from inside(child, f"{prefix}{name}.")

    return inside(network, "")


def _is_list(module: nn.Module) -> bool:
    return type(module) in (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def frozen_names(network: nn.Module, count: int, head: Iterable[str]) -> set[str]:
    """Parameters of the first ``count`` blocks, and of all that the network registers before them.

    Args:
        count: at most the number of blocks.
        head: names of the modules that are new, and never among them.
    """
    own = tuple(f"{name}." for name in head)
    found = blocks(network, head)[:count]
    names = [name for name, _ in network.named_parameters()]
    last = [i for i, name in enumerate(names) if found and name.startswith(f"{found[-1]}.")]
    return {name for name in names[: last[-1] + 1 if last else 0] if not name.startswith(own)}
