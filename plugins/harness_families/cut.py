"""A network cut in two where nothing but one tensor passes."""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, fx, nn

from harness_families.blocks import opened

_TENSOR_METHODS = frozenset(
    {"mean", "flatten", "permute", "transpose", "reshape", "view", "contiguous", "amax"}
)

_RATES = ("p", "drop_prob")
"""Attributes of torch's and timm's layers that drop something."""


class Part(nn.Module):
    """One side of a cut. It shares the network's modules and holds no others."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.part = graph
        # Two parts may hold the same modules and connect them differently.
        self.connections = graph.code

    def forward(self, value: Tensor) -> Tensor:
        result: Tensor = self.part(value)
        return result


class _Tracer(fx.Tracer):
    """Looks into what arranges blocks and into nothing else: what is different in training and in
    evaluation stays inside of a module, which knows its mode."""

    def __init__(self, inside: Collection[nn.Module]) -> None:
        super().__init__()
        self._inside = inside

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m not in self._inside or isinstance(m, nn.MultiheadAttention)


def cut(
    network: nn.Module, frozen: Collection[str], head: Collection[str]
) -> tuple[Part, Part] | None:
    """``(prefix, suffix)`` with ``suffix(prefix(images)) == network(images)``: the longest prefix
    whose parameters are all frozen. None where the network cannot be followed or has no such place.

    Args:
        frozen: names of parameters.
        head: names of the modules that are new.
    """
    tracer = _Tracer(opened(network, head))
    try:
        graph = tracer.trace(network, concrete_args=_defaults(network))
    # Following runs the network's own code with values that are not tensors.
    except Exception as error:
        print(f"the network cannot be cut ({type(error).__name__}: {error})"[:300])
        return None
    nodes = list(graph.nodes)
    place = _place(nodes, network, frozen)
    if place is None:
        return None
    prefix, suffix = fx.Graph(), fx.Graph()
    images: dict[fx.Node, fx.Node] = {}
    for node in nodes[: nodes.index(place) + 1]:
        images[node] = prefix.node_copy(node, images.__getitem__)
    prefix.output(images[place])
    values = {place: suffix.placeholder("value")}
    for node in nodes:
        if node.op == "get_attr" and node not in values:
            values[node] = suffix.node_copy(node, values.__getitem__)
    for node in nodes[nodes.index(place) + 1 :]:
        if node.op != "get_attr":
            values[node] = suffix.node_copy(node, values.__getitem__)
    return _part(network, prefix), _part(network, suffix)


def _part(network: nn.Module, graph: fx.Graph) -> Part:
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("output", "placeholder"):
            graph.erase_node(node)
    return Part(fx.GraphModule(network, graph))


def agrees(network: nn.Module, parts: tuple[Part, Part], images: Tensor) -> bool:
    """Whether the parts do together what the network does, in evaluation mode, and the first makes
    one tensor with a row for each image."""
    training = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            passed: Any = parts[0](images)
            if not isinstance(passed, Tensor) or passed.shape[:1] != images.shape[:1]:
                return False
            return torch.allclose(parts[1](passed), network(images), rtol=1e-4, atol=1e-5)
    finally:
        for module, mode in training.items():
            module.training = mode


def _defaults(network: nn.Module) -> dict[str, Any]:
    """Every argument of ``forward`` but the images, as it is unless somebody gives it."""
    import inspect

    _, *others = inspect.signature(network.forward).parameters.values()
    return {
        each.name: each.default for each in others if each.default is not inspect.Parameter.empty
    }


def _place(nodes: list[fx.Node], network: nn.Module, frozen: Collection[str]) -> fx.Node | None:
    """The last node that everything behind it depends on alone, and before which all is frozen."""
    position = {node: i for i, node in enumerate(nodes)}
    found = None
    crossing = 0  # The last position so far that reads from before the node at hand.
    lasts = {node: max((position[user] for user in node.users), default=-1) for node in nodes}
    for i, node in enumerate(nodes[:-1]):
        if node.op in ("get_attr", "call_module") and not _is_frozen(node, network, frozen):
            break
        if node.op == "call_module" and _is_random(network.get_submodule(str(node.target))):
            break
        if crossing <= i and _gives_tensor(node) and lasts[node] > i:
            found = node
        if node.op != "get_attr":
            crossing = max(crossing, lasts[node])
    return found


def _is_frozen(node: fx.Node, network: nn.Module, frozen: Collection[str]) -> bool:
    target = str(node.target)
    names = [name for name, _ in network.named_parameters()]
    return all(name in frozen for name in names if name == target or name.startswith(f"{target}."))


def _is_random(module: nn.Module) -> bool:
    """Whether it draws random numbers in training though nothing in it trains: without parameters,
    it is in no frozen part, which the harness keeps in evaluation mode."""
    if any(True for _ in module.parameters()):
        return False
    rates = (getattr(part, name, 0.0) for part in module.modules() for name in _RATES)
    return any(isinstance(rate, float | int) and rate > 0 for rate in rates)


def _gives_tensor(node: fx.Node) -> bool:
    if node.op == "call_module":
        return True
    if node.op == "call_method":
        return node.target in _TENSOR_METHODS
    if node.op != "call_function":
        return False
    if node.target is operator.getitem:
        whole = node.args[0]
        return isinstance(whole, fx.Node) and _gives_tensor(whole)
    return str(getattr(node.target, "__module__", "")).startswith(("torch", "_operator"))
