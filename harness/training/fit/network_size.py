"""How large a network is: parameters, and operations of a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from harness.protocol import Protocol
from harness.results.record import StageRecord
from harness.training.fit.runner import Size
from harness.training.fit.stages import Span, spans
from harness.training.frozen.freeze import normalises_batches
from harness.training.method import Stage


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

    return Size(
        parameters_total=sum(p.numel() for p in module.parameters()),
        parameters_trainable=parameters(frozenset().union(*(span.names for span in found))),
        flops_per_image=count_flops(forward),
        stages=tuple(map(record, found)),
    )


def count_flops(forward: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products and convolutions of ``forward``, two for a
    multiplication and an addition, those of attention among them whatever kernel it runs in."""
    with _plain_attention(), FlopCounterMode(display=False) as counter:
        forward()
    operations: int = counter.get_total_flops()
    return operations


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention as the matrix products that it is: torch's counter does not know every fused kernel
    (not the CPU's, for one), and which of them runs depends on the device and on what trains."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        # Modules in eval mode also have fast paths that they take only without gradients.
        with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
