"""Energy that a GPU has taken, from the counter of NVIDIA's management library (NVML)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import torch

Meter = Callable[[], float | None]
"""Joules since the driver was loaded; None where nobody counts them."""


def meter(device: torch.device) -> Meter:
    """The counter of the device; it is renewed some ten to fifty times a second."""
    if device.type != "cuda":
        return _nothing
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return _nothing
    handle = ctypes.c_void_p()
    uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
    # Both return 0 where they succeed.
    if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByUUID(uuid, ctypes.byref(handle)):
        return _nothing

    def joules() -> float | None:
        millijoules = ctypes.c_ulonglong()
        failed = library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules))
        return None if failed else millijoules.value / 1000

    return joules


def _nothing() -> float | None:
    return None
