"""What a stage freezes is frozen: no gradients, out of the optimiser, statistics fixed."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

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
    """The :func:`train_mode` of the parameters that are marked as trainable."""
    train_mode(module, {name for name, p in module.named_parameters() if p.requires_grad})


def train_mode(module: nn.Module, trained: set[str]) -> None:
    """Train mode, except in every part of the module that holds parameters but none that train.

    Eval mode there keeps the running statistics of batch normalisation, which no optimiser guards,
    and turns dropout off, so that a frozen part is the same function in every step.
    """
    module.train()
    for _, part in frozen_parts(module, trained):
        part.eval()


class Modes:
    """Puts a network into train mode and back, as often as a stage has epochs.

    The same as :func:`set_train_mode` and ``module.eval()``, for which hundreds of frozen layers
    are asked again each time; here it is remembered which part is in which mode.

    Args:
        module: with exactly the stage's parameters marked as trainable.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        trained = {name for name, p in module.named_parameters() if p.requires_grad}
        still = {id(inner) for _, part in frozen_parts(module, trained) for inner in part.modules()}
        self._parts = list(module.modules())
        self._trains = [id(part) not in still for part in self._parts]

    def train(self) -> None:
        """See :func:`set_train_mode`."""
        if not self._plain():
            set_train_mode(self._module)
            return
        for part, trains in zip(self._parts, self._trains, strict=True):
            if part.training is not trains:
                part.training = trains

    def eval(self) -> None:
        """All of the network in eval mode."""
        if not self._plain():
            self._module.eval()
            return
        for part in self._parts:
            if part.training:
                part.training = False

    def _plain(self) -> bool:
        """Whether the network has the parts that it had, and none does anything but take a mode."""
        now = list(self._module.modules())
        return len(now) == len(self._parts) and all(
            part is before
            and type(part).train is nn.Module.train
            and type(part).eval is nn.Module.eval
            and vars(part).keys().isdisjoint(("train", "eval"))
            for part, before in zip(now, self._parts, strict=True)
        )


def frozen_parts(module: nn.Module, trained: set[str]) -> Iterator[tuple[str, nn.Module]]:
    """The largest parts of the module, with their names, that hold parameters but none of those
    named ``trained``."""
    moving = {id(p) for name, p in module.named_parameters() if name in trained}

    def parts(name: str, part: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        parameters = list(part.parameters())
        if parameters and not any(id(p) in moving for p in parameters):
            yield name, part
            return
        for inner, child in part.named_children():
            yield from parts(f"{name}.{inner}" if name else inner, child)

    return parts("", module)


def frozen_names(module: nn.Module, stage: Stage) -> set[str]:
    """Names of the parameters that the stage does not train, and of the buffers of parts that it
    freezes."""
    trained = trainable_names(module, stage)
    names = {name for name, _ in module.named_parameters()} - trained
    for prefix, part in frozen_parts(module, trained):
        names |= {f"{prefix}.{name}" if prefix else name for name, _ in part.named_buffers()}
    return names


def normalises_batches(module: nn.Module, stage: Stage) -> bool:
    """Whether batch normalisation takes its statistics from the batch while the stage trains."""
    trained = trainable_names(module, stage)
    frozen = {id(inner) for _, part in frozen_parts(module, trained) for inner in part.modules()}
    return bool(trained) and any(
        isinstance(part, _BatchNorm) and id(part) not in frozen for part in module.modules()
    )
