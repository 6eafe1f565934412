"""How large a network is: parameters, and operations of a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from harness.protocol import Protocol
from harness.results.record import StageRecord
from harness.training.freeze import normalises_batches
from harness.training.method import Stage
from harness.training.runner import Size
from harness.training.stages import Span, spans


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
    found = spans(stages, module, protocol.epochs)

    def parameters(names: frozenset[str]) -> int:
        return sum(p.numel() for name, p in module.named_parameters() if name in names)

    def record(span: Span) -> StageRecord:
        return {
            "name": span.stage.name,
            "epochs": len(span.epochs),
            "learning_rate": protocol.learning_rate * span.stage.lr_scale,
            "parameters": parameters(span.names),
            "normalises_batches": normalises_batches(module, span.stage),
        }

    # With gradients: without them, torch runs attention in one operation that hides its work.
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        forward()
    return Size(
        parameters_total=sum(p.numel() for p in module.parameters()),
        parameters_trainable=parameters(frozenset().union(*(span.names for span in found))),
        flops_per_image=counter.get_total_flops(),
        stages=tuple(map(record, found)),
    )
