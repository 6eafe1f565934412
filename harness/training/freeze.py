"""What a stage freezes is frozen: no gradients, out of the optimiser, statistics fixed."""

from __future__ import annotations

from torch import nn

from harness.errors import HarnessError
from harness.training.method import Stage


def trainable_names(module: nn.Module, stage: Stage) -> set[str]:
    """Names of the parameters that the stage trains."""
    if stage.trainable is None:
        return {name for name, _ in module.named_parameters()}
    return set(stage.trainable(module))


def apply_stage(module: nn.Module, stage: Stage) -> list[nn.Parameter]:
    """Mark exactly the stage's parameters as trainable and return them, in the module's order.

    Raises:
        HarnessError: the stage names a parameter that the module does not have.
    """
    named = dict(module.named_parameters())
    wanted = trainable_names(module, stage)
    if unknown := sorted(wanted - set(named)):
        raise HarnessError(
            f"stage {stage.name!r} trains {unknown[:3]}, which the network does not have"
        )
    for name, parameter in named.items():
        parameter.requires_grad_(name in wanted)
        parameter.grad = None
    return [parameter for name, parameter in named.items() if name in wanted]


def set_train_mode(module: nn.Module) -> None:
    """Train mode, except in every part of the module that holds parameters but none that train.

    Eval mode there keeps the running statistics of batch normalisation, which no optimiser guards,
    and turns dropout off, so that a frozen part is the same function in every step.
    """
    module.train()
    _freeze_parts(module)


def _freeze_parts(module: nn.Module) -> None:
    parameters = list(module.parameters())
    if parameters and not any(p.requires_grad for p in parameters):
        module.eval()
        return
    for child in module.children():
        _freeze_parts(child)
