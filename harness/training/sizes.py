"""How large a network is: parameters, and operations of a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from harness.protocol import Protocol
from harness.results.record import StageRecord
from harness.training.freeze import normalises_batches, trainable_names
from harness.training.loop import epochs_per_stage
from harness.training.method import Stage
from harness.training.runner import Size


def measure_size(
    module: nn.Module,
    stages: Sequence[Stage],
    protocol: Protocol,
    forward: Callable[[], object],
) -> Size:
    """The size of a network, and what its stages train of it.

    Args:
        module: in evaluation mode.
        stages: of its method.
        protocol: how many epochs it trains, and at which rate.
        forward: runs it on one image.
    """
    trained = [trainable_names(module, stage) for stage in stages]
    counts = epochs_per_stage(stages, protocol.epochs)

    def parameters(names: set[str]) -> int:
        return sum(p.numel() for name, p in module.named_parameters() if name in names)

    def record(stage: Stage, names: set[str], epochs: int) -> StageRecord:
        return {
            "name": stage.name,
            "epochs": epochs if names else 0,
            "learning_rate": protocol.learning_rate * stage.lr_scale,
            "parameters": parameters(names),
            "normalises_batches": normalises_batches(module, stage),
        }

    # With gradients: without them, torch runs attention in one operation that hides its work.
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        forward()
    return Size(
        parameters_total=sum(p.numel() for p in module.parameters()),
        parameters_trainable=parameters(set().union(*trained)),
        flops_per_image=counter.get_total_flops(),
        stages=tuple(map(record, stages, trained, counts)),
    )
