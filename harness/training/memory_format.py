"""Whether images and convolutions lie in memory with the channels last."""

from __future__ import annotations

from harness.protocol import Precision, Protocol
from harness.training.method import TorchMethod


def channels_last(
    method: TorchMethod, protocol: Protocol, device: str, precision: Precision
) -> bool:
    """What the protocol asks for, or else what pays: on a GPU in half precision, and on a CPU for
    methods that declare that convolutions take most of their time."""
    if protocol.channels_last is not None:
        return protocol.channels_last
    if device.partition(":")[0] == "cuda":
        return precision in ("bf16", "fp16")
    return method.convolutional
