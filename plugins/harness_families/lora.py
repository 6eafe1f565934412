"""Low-rank updates (LoRA) of a network's layers, by the library peft."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import harness

MARK = ".lora_"
"""In the names of the parameters that peft adds."""


def with_updates(network: nn.Module, head: tuple[str, ...], images: Tensor, rank: int) -> nn.Module:
    """The network with an update of this rank for each of its layers, which changes nothing yet.

    The layers are the linear ones outside of the head; where there are none, the convolutions
    without groups. A layer whose weights the network reads without calling it is left as it is:
    nothing would notice its update.

    Args:
        images: float32 [B, C, H, W] that the network takes.

    Raises:
        HarnessError: there is no such layer.
    """
    from peft import LoraConfig, inject_adapter_in_model

    called = _called(network, images)
    layers = [name for name in called if not f"{name}.".startswith(tuple(f"{h}." for h in head))]
    linear = [name for name in layers if isinstance(network.get_submodule(name), nn.Linear)]
    targets = linear or [name for name in layers if _is_convolution(network.get_submodule(name))]
    if not targets:
        raise harness.HarnessError(
            "lora: the network has no linear layer and no convolution without groups to update"
        )
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets, bias="none")
    changed: nn.Module = inject_adapter_in_model(config, network)
    # peft freezes what it does not train; what trains is a stage's to say.
    for parameter in changed.parameters():
        parameter.requires_grad_(True)
    return changed


def _is_convolution(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups == 1


def _called(network: nn.Module, images: Tensor) -> list[str]:
    """Names of the linear layers and convolutions that are called, in the network's own order."""
    names: set[str] = set()
    hooks = [
        layer.register_forward_hook(lambda *_, name=name: names.add(name))
        for name, layer in network.named_modules()
        if type(layer) in (nn.Linear, nn.Conv2d)
    ]
    training = {module: module.training for module in network.modules()}
    network.eval()
    with torch.no_grad():
        network(images)
    for module, mode in training.items():
        module.training = mode
    for hook in hooks:
        hook.remove()
    return [name for name, _ in network.named_modules() if name in names]
